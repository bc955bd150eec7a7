#pragma once

#include <support/bolt_text.hpp>
#include <bolt/draft.hpp>

#include <fmt/format.h>

#include <map>
#include <random>
#include <string>

namespace dind::test {

// What a bucket should hold, and random changes that are made to it and to a draft alike.
struct BoltModel {
  std::uint64_t sequence = 0;
  std::map<std::string, std::string> values;
  std::map<std::string, BoltModel> buckets;

  // As `bolt_text` says it.
  std::string text(const std::string& path = "") const {
    std::map<std::string, std::string> lines;
    for (const auto& [key, value] : values) {
      const std::string below = path + "/" + hex_of(key);
      lines[key] = fmt::format("{} = {}\n", below, hex_of(value));
    }
    for (const auto& [key, bucket] : buckets) {
      lines[key] = bucket.text(path + "/" + hex_of(key));
    }
    std::string all = fmt::format("{}/ {}\n", path, sequence);
    for (const auto& [key, line] : lines) {
      all += line;
    }
    return all;
  }
};

class RandomChanges {
public:
  explicit RandomChanges(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t end) { return random_() % end; }

  std::string bytes(std::size_t size) {
    std::string made(size, '\0');
    for (char& byte : made) {
      byte = static_cast<char>(random_());
    }
    return made;
  }

  // Few enough keys that they are met again, of all lengths.
  std::string key(std::size_t variety) {
    const std::size_t number = below(variety);
    std::string made = fmt::format("{:x}", number * 2654435761U % 4294967291U);
    return number % 31 == 0 ? made + std::string(number * 7 % 900, 'k') : made;
  }

  Result<void> change(BoltModel& model, bolt::Draft& draft, unsigned depth = 0) {
    const std::size_t changes = 1 + below(8);
    for (std::size_t i = 0; i < changes; ++i) {
      TRY(change_once(model, draft, depth));
    }
    return {};
  }

private:
  Result<void> change_once(BoltModel& model, bolt::Draft& draft, unsigned depth) {
    switch (below(8)) {
    case 0:
      return put_many(model, draft);
    case 1:
      return put(model, draft, key(1000), bytes(below(20) == 0 ? 9000 + below(9000) : 100));
    case 2:
      return erase(model, draft);
    case 3:
      return set_sequence(model, draft);
    default:
      return depth == 4 ? put(model, draft, key(9), bytes(below(40)))
                        : descend(model, draft, depth);
    }
  }

  Result<void> put(BoltModel& model, bolt::Draft& draft, const std::string& key,
                   const std::string& value) {
    if (model.buckets.contains(key)) {
      return draft.put(key, value) ? Result<void>(Error("a bucket took a value")) : Result<void>();
    }
    model.values[key] = value;
    return draft.put(key, value);
  }

  Result<void> put_many(BoltModel& model, bolt::Draft& draft) {
    const std::size_t count = below(200) == 0 ? 3000 : below(40);
    for (std::size_t i = 0; i < count; ++i) {
      TRY(put(model, draft, key(100000), bytes(below(30))));
    }
    return {};
  }

  Result<void> erase(BoltModel& model, bolt::Draft& draft) {
    const std::string start = key(1000);
    const auto value = model.values.lower_bound(start);
    const auto bucket = model.buckets.lower_bound(start);
    if (value != model.values.end()) {
      TRY(draft.erase(value->first));
      model.values.erase(value);
    }
    if (bucket != model.buckets.end() && below(3) == 0) {
      TRY(draft.erase(bucket->first));
      model.buckets.erase(bucket);
    }
    return {};
  }

  Result<void> set_sequence(BoltModel& model, bolt::Draft& draft) {
    model.sequence = below(1U << 30U);
    return draft.set_sequence(model.sequence);
  }

  Result<void> descend(BoltModel& model, bolt::Draft& draft, unsigned depth) {
    const std::string name = key(12);
    if (model.values.contains(name)) {
      return draft.make_bucket(name) ? Result<void>(Error("a value became a bucket"))
                                     : Result<void>();
    }
    bolt::Draft* const bucket = TRY(draft.make_bucket(name));
    return change(model.buckets[name], *bucket, depth + 1);
  }

  std::mt19937 random_;
};

} // namespace dind::test
