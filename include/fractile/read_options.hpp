// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace fractile {

/// How panels and signals are read: docs/reading.md says what each option means. Names are the same on every surface, and no
/// option is part of a run_id. Columns are named as the source names them, or as `map` does.
struct ReadOptions {
  std::vector<std::string> null;                            ///< texts and numbers that are missing, in every column
  std::map<std::string, std::vector<std::string>> null_of;  ///< the same for one column
  std::vector<std::string> text;                            ///< columns that stay texts
  std::vector<std::string> columns;                         ///< the columns to read; empty: all
  std::vector<std::string> drop;                            ///< columns to leave out
  std::map<std::string, std::string> map;                   ///< the source's column by our name: {"ret", "RetColumn"}
  std::string date_format;                                  ///< "%d/%m/%Y", "unix_ms"; "" where dates are ISO
  std::string delimiter;                                    ///< of a CSV; "" is recognised
  std::string decimal = ".";                                ///< the decimal mark of number texts
  std::string thousands;                                    ///< the separator of thousands; "" is none
  std::string encoding;                                     ///< of a CSV; "" is UTF-8
  std::map<std::string, double> scale;                      ///< a factor by column
  bool abs_price = false;                                   ///< prices are taken without their sign
  bool drop_duplicates = false;                             ///< leave out rows that equal another one in every column
};

}  // namespace fractile
