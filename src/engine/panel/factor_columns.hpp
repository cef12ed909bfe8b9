// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/panel/exposure_block.hpp"
#include "engine/panel/panel_view.hpp"

/// Numeric columns of the panel that are read together.
namespace fractile {

/// A list of numeric columns, each a factor. Columns of the exposure block are adjacent in memory and read together, others
/// alone. No function takes kNoRow.
class FactorColumns {
 public:
  struct InBlock {
    std::size_t factor;  ///< in the order of add()
    std::size_t place;   ///< in the block
  };
  struct Other {
    std::size_t factor;
    Characteristic column;
  };

  explicit FactorColumns(const PanelView& panel) : panel_(panel), block_(panel.exposure_block()) {}
  /// Throws MISSING_PANEL_COLUMN or, if the column is text, INVALID_VALUE; both name the option that reads it.
  void add(const std::string& name, const char* option);

  std::size_t size() const noexcept { return size_; }
  bool is_complete(RowIndex row) const noexcept;
  /// Writes factor after factor, a number per row each: size() * rows.size() numbers.
  void read(std::span<const RowIndex> rows, double* out) const;

  const ExposureBlock& block() const noexcept { return block_; }
  const std::vector<InBlock>& in_block() const noexcept { return in_block_; }
  const std::vector<Other>& others() const noexcept { return others_; }

 private:
  const PanelView& panel_;
  ExposureBlock block_;
  std::vector<InBlock> in_block_;
  std::vector<Other> others_;
  std::size_t size_ = 0;
};

}  // namespace fractile
