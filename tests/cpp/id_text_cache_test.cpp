// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
#include "ingest/id_text_cache.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "arrow_builder.hpp"
#include "fractile/signal.hpp"
#include "types/row_blocks.hpp"

namespace fractile {
namespace {

using testing::Array;
using testing::batch;
using testing::plain;
using testing::stream_of;

/// Reads a signal of these ids.
Signal read(const Array& ids) {
  const auto n = static_cast<std::size_t>(ids.length);
  ArrowArrayStream stream = stream_of({batch(
      {ids, plain<Day>("date_sig", "tdD", std::vector<Day>(n, 18000)), plain<double>("v", "g", std::vector<double>(n, 1.0))})});
  return read_signal(&stream, {"v"});
}

std::vector<std::string> texts_of(const Signal& signal) {
  const IdColumn& ids = signal.keys.security_id;
  std::vector<std::string> out;
  for (std::int64_t i = 0; i < signal.keys.n_rows; ++i)
    out.emplace_back(ids.codes[i] < 0 ? "<missing>" : std::string(ids.texts[static_cast<std::size_t>(ids.codes[i])]));
  return out;
}

std::vector<std::string> make_texts(std::mt19937& random, std::size_t n) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back("id" + std::to_string(random() % 50));
  return out;
}

/// A column of these texts in one of the forms that the cache knows.
constexpr std::array kForms{"u", "U", "vu", "dictionary of u", "dictionary of vu"};
Array column_of(std::string_view form, const std::vector<std::string>& texts) {
  constexpr std::string_view kDictionary = "dictionary of ";
  if (!form.starts_with(kDictionary)) return testing::texts("security_id", std::string(form), texts);
  std::vector<std::string> values = texts;
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  std::vector<std::int16_t> indices;
  for (const std::string& text : texts)
    indices.push_back(static_cast<std::int16_t>(std::lower_bound(values.begin(), values.end(), text) - values.begin()));
  return testing::dictionary("security_id", "s", indices,
                             testing::texts("", std::string(form.substr(kDictionary.size())), values));
}

TEST(IdTextCache, EqualTextsShareTheirCodesFromTheSecondReadingOn) {
  std::mt19937 random(1);
  for (const char* form : kForms) {
    const Array ids = column_of(form, make_texts(random, 1000));
    const Signal first = read(ids), second = read(ids), third = read(ids);
    EXPECT_NE(first.keys.security_id.codes, second.keys.security_id.codes) << form;
    EXPECT_EQ(second.keys.security_id.codes, third.keys.security_id.codes) << form;
    EXPECT_EQ(texts_of(first), texts_of(third)) << form;
  }
}

TEST(IdTextCache, ViewsOfLargeBuffersAreReadAnew) {
  std::vector<std::string> texts(100, "id");
  texts[50] = std::string(50 * 64 + 1, 'x');
  Array ids = column_of("vu", texts);
  ids.length = 50;  // the text in the large buffer is not part of the slice
  const Signal first = read(ids), second = read(ids), third = read(ids);
  EXPECT_NE(second.keys.security_id.codes, third.keys.security_id.codes);
  EXPECT_EQ(texts_of(first), std::vector<std::string>(50, "id"));
}

TEST(IdTextCache, AnyOtherByteIsReadAnew) {
  std::mt19937 random(2);
  std::vector<std::string> texts = make_texts(random, 300);
  for (int round = 0; round < 400; ++round) {
    const std::size_t at = random() % texts.size();
    switch (random() % 4) {
      case 0: texts[at].back() = static_cast<char>('0' + random() % 10); break;
      case 1: texts[at] += random() % 2 ? "x" : "long enough for a buffer"; break;
      case 2: std::swap(texts[at], texts[random() % texts.size()]); break;
      default: texts[at] = "y" + std::to_string(random() % 5);
    }
    const char* form = kForms[static_cast<std::size_t>(round) % kForms.size()];
    EXPECT_EQ(texts_of(read(column_of(form, texts))), texts) << form;
  }
}

TEST(IdTextCache, LongColumnsAreHashedToTheirEnd) {
  std::vector<std::string> texts;
  for (int i = 0; i < 400'000; ++i) texts.push_back("security-" + std::to_string(i % 900));
  read(testing::texts("security_id", "u", texts));
  for (const std::size_t at : {std::size_t{0}, std::size_t{123'456}, std::size_t{250'000}, texts.size() - 1}) {
    texts[at].back() = 'x';
    EXPECT_EQ(texts_of(read(testing::texts("security_id", "u", texts))), texts) << at;
  }
}

TEST(IdTextCache, MissingRowsAndSlicesCount) {
  std::mt19937 random(3);
  const std::vector<std::string> texts = make_texts(random, 64);
  for (int round = 0; round < 400; ++round) {
    std::vector<int> valid(texts.size());
    for (int& bit : valid) bit = round < 2 ? 1 : random() % 8 != 0;
    const std::string form = kForms[static_cast<std::size_t>(round) % kForms.size()];
    Array ids = column_of(form, texts).valid(valid);
    ids.offset = static_cast<std::int64_t>(random() % 20);
    ids.length -= ids.offset + static_cast<std::int64_t>(random() % 20);
    std::vector<std::string> expected;
    for (std::int64_t i = 0; i < ids.length; ++i) {
      const auto at = static_cast<std::size_t>(ids.offset + i);
      expected.push_back(valid[at] ? texts[at] : "<missing>");
    }
    ASSERT_EQ(texts_of(read(ids)), expected) << form << " " << round;
  }
}

TEST(IdTextCache, CachedHashesAreThoseOfTheContent) {
  std::mt19937 random(6);
  for (const std::size_t n : {std::size_t{1}, static_cast<std::size_t>(kBlockRows), std::size_t{40'000}}) {
    const Array ids = testing::texts("security_id", "u", make_texts(random, n));
    const Signal first = read(ids), read_again = read(ids), second = read(ids);
    ASSERT_TRUE(first.keys.security_id.hashes && second.keys.security_id.hashes) << n;
    Signal bare = first;
    bare.keys.security_id.hashes = nullptr;
    EXPECT_EQ(digest_columns(first, 2), digest_columns(bare, 2)) << n;
    EXPECT_EQ(digest_columns(second, 2), digest_columns(bare, 2)) << n;
  }
}

TEST(IdTextCache, AColumnWithOtherArraysIsHashed) {
  std::mt19937 random(7);
  const Signal read_first = read(testing::texts("security_id", "u", make_texts(random, 1000)));
  const IdColumn& ids = read_first.keys.security_id;
  std::vector<std::int32_t> codes(ids.codes, ids.codes + 1000);
  std::vector<std::string_view> texts(ids.texts.begin(), ids.texts.end());
  std::swap(codes.front(), *std::find_if(codes.begin(), codes.end(), [&](std::int32_t code) { return code != codes.front(); }));
  texts.front() = "other";
  Signal other = read_first;
  other.keys.security_id.codes = codes.data();
  EXPECT_NE(digest_columns(other, 1), digest_columns(read_first, 1));
  other = read_first;
  other.keys.security_id.texts = texts;
  EXPECT_NE(digest_columns(other, 1), digest_columns(read_first, 1));
  other = read_first;
  other.keys.n_rows = 999;
  EXPECT_NE(digest_columns(other, 1), digest_columns(read_first, 1));
}

TEST(IdTextCache, EvictsTheOneUsedLongestAgo) {
  const auto coded = [](std::size_t bytes) {
    auto codes = std::make_shared<ByteBuffer>();
    codes->prepare(bytes);
    codes->commit(bytes);
    return CodedIds{nullptr, std::move(codes), nullptr};
  };
  constexpr std::size_t kHalf = id_text_cache::kMaxBytes / 2;
  const auto offer_twice = [](const Hash128& key, const CodedIds& ids) {
    for (int round = 0; round < 2; ++round) id_text_cache::offer(key, ids);
  };
  const auto is_cached = [](std::uint64_t key) { return id_text_cache::find({key, 7}).codes != nullptr; };
  offer_twice({1, 7}, coded(kHalf));
  offer_twice({2, 7}, coded(kHalf));
  EXPECT_TRUE(is_cached(1) && is_cached(2));
  EXPECT_TRUE(is_cached(1));
  offer_twice({3, 7}, coded(kHalf));
  EXPECT_TRUE(is_cached(1) && is_cached(3));
  EXPECT_FALSE(is_cached(2));
  offer_twice({4, 7}, coded(id_text_cache::kMaxBytes + 1));
  EXPECT_FALSE(is_cached(4));
  EXPECT_TRUE(is_cached(1) && is_cached(3));
}

TEST(IdTextCache, TextsCountAsMemory) {
  std::vector<std::string> texts;
  for (int i = 0; i < 400'000; ++i) texts.push_back(std::string(244, 'x') + std::to_string(i));
  const Array ids = testing::texts("security_id", "U", texts);
  const Signal first = read(ids), second = read(ids), third = read(ids);
  EXPECT_NE(second.keys.security_id.codes, third.keys.security_id.codes);  // 1.6 MB of codes, but 145 MB of texts
}

TEST(IdTextCache, ThreadsReadAtOnce) {
  std::mt19937 random(4);
  std::vector<std::vector<std::string>> all;
  for (int i = 0; i < 3; ++i) all.push_back(make_texts(random, 2000));
  std::vector<std::thread> threads;
  std::vector<int> n_wrong(4, 0);
  for (std::size_t t = 0; t < n_wrong.size(); ++t)
    threads.emplace_back([&, t] {
      for (std::size_t round = 0; round < 50; ++round) {
        const auto& texts = all[(round + t) % all.size()];
        n_wrong[t] += texts_of(read(testing::texts("security_id", "u", texts))) != texts;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(n_wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace fractile
