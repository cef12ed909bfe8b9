// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace fractile {

/// A numbering of different texts in order of appearance.
class TextCodes {
 public:
  std::int32_t add(std::string_view text) {
    if (last_code_ >= 0 && text == last_) return last_code_;
    const auto found = codes_.find(text);
    if (found == codes_.end()) {
      const auto code = static_cast<std::int32_t>(texts_.size());
      last_ = texts_.emplace_back(text);
      codes_.emplace(last_, code);
      return last_code_ = code;
    }
    last_ = found->first;
    return last_code_ = found->second;
  }
  const std::deque<std::string>& all() const noexcept { return texts_; }

 private:
  std::deque<std::string> texts_;  ///< a deque never moves its elements, to which the keys are views
  std::unordered_map<std::string_view, std::int32_t> codes_;
  std::string_view last_;
  std::int32_t last_code_ = -1;
};

}  // namespace fractile
