#pragma once

#include <host/scratch.hpp>

#include <optional>
#include <string>

namespace dind::host {

// How a directory says that files below it are gone.
enum class MarkStyle {
  node, // a character device 0:0, as overlayfs has it
  name, // ".wh.NAME" and ".wh..wh..opq", as AUFS had it: an overlay makes no device 0:0
};

// What a union mount is tried with: a lower directory with files, one above it that
// deletes them, and, highest, a directory of a cache.
class UnionDirs {
public:
  // `sample` is a path; empty for none.
  static Result<UnionDirs> make(const Scratch& outer, const std::string& name, MarkStyle style,
                                const std::string& sample);

  const Fd& upper() const { return upper_; }
  const Fd& work() const { return work_; }
  const Fd& merged() const { return merged_; }
  const std::optional<Fd>& sample() const { return sample_; }
  const Fd& marks() const { return marks_; }
  const Fd& lower() const { return lower_; }

  // Whether what is mounted on `merged` shows no deleted file and can be written to.
  Result<void> check_view() const;

private:
  explicit UnionDirs(Scratch scratch) : scratch_(std::move(scratch)) {}
  Result<void> fill(MarkStyle style) const;

  Scratch scratch_;
  Fd upper_;
  Fd work_;
  Fd merged_;
  std::optional<Fd> sample_;
  Fd marks_;
  Fd lower_;
};

} // namespace dind::host
