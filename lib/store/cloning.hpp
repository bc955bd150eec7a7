#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <clone/options.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

namespace dind::store {

// How the files of layers get there.
struct Cloning {
  enum class Way {
    clone, // from a cache, or from where a tar was unpacked
    share, // from one layer of the data root into another, neither ever written again
  };

  clone::CloneMethod method = clone::CloneMethod::copy; // of Way::clone
  clone::CloneMethod share = clone::CloneMethod::copy;  // of Way::share
  unsigned jobs = 1;
  std::function<bool()> interrupted = []() { return false; };
  // What a cache's tree must have (CloneProgress::bytes). Unknown where no file is looked at.
  std::optional<std::uint64_t> bytes = {};
  clone::CloneProgress& progress;

  // Puts everything of `from` onto `to`, as clone::clone_tree does, whose `keep` this is.
  Result<void> run(Way way, const Fd& from, const Fd& to,
                   const std::set<std::string>& keep = {}) const;
};

} // namespace dind::store
