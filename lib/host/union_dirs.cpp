#include <host/union_dirs.hpp>

#include <sys/dir.hpp>

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace dind::host {
namespace {

const std::string kUpper = "upper";
const std::string kWork = "work";
const std::string kMerged = "merged";
const std::string kMarks = "marks";
const std::string kLower = "lower";

const std::string kWitness = "witness"; // a file that is marked as gone
const std::string kWitnessMark = ".wh.witness";
const std::string kHidden = "opaque"; // a directory whose files are
const std::string kHiddenMark = ".wh..wh..opq";

} // namespace

Result<UnionDirs> UnionDirs::make(const Scratch& outer, const std::string& name, MarkStyle style,
                                  const std::string& sample) {
  UnionDirs dirs(TRY(Scratch::make_inside(outer, name, {kUpper, kWork, kMerged, kMarks, kLower})));
  const Fd& dir = dirs.scratch_.dir();
  dirs.upper_ = TRY(sys::open_dir_at({dir, kUpper}));
  dirs.work_ = TRY(sys::open_dir_at({dir, kWork}));
  dirs.merged_ = TRY(sys::open_dir_at({dir, kMerged}));
  dirs.marks_ = TRY(sys::open_dir_at({dir, kMarks}));
  dirs.lower_ = TRY(sys::open_dir_at({dir, kLower}));
  if (!sample.empty()) {
    dirs.sample_ = TRY(sys::open_dir(sample));
  }
  TRY(dirs.fill(style));
  return dirs;
}

Result<void> UnionDirs::fill(MarkStyle style) const {
  TRY(sys::create_file_at({lower_, kWitness}, "deleted", 0644));
  if (style == MarkStyle::node) {
    return sys::make_node_at({marks_, kWitness}, S_IFCHR, ::makedev(0, 0))
        .within("make a whiteout");
  }
  TRY(sys::create_file_at({marks_, kWitnessMark}, "", 0644).within("make a whiteout"));
  for (const Fd* parent : {&lower_, &marks_}) {
    TRY(sys::make_dir_at({*parent, kHidden}, 0755));
  }
  const Fd below = TRY(sys::open_dir_at({lower_, kHidden}));
  TRY(sys::create_file_at({below, kWitness}, "hidden", 0644));
  const Fd above = TRY(sys::open_dir_at({marks_, kHidden}));
  return sys::create_file_at({above, kHiddenMark}, "", 0644).within("make an opaque directory");
}

Result<void> UnionDirs::check_view() const {
  const Fd view = TRY(sys::open_dir_at({scratch_.dir(), kMerged}));
  if (TRY(sys::exists_at({view, kWitness}))) {
    return input_error("a whiteout is not honoured");
  }
  if (TRY(sys::exists_at({view, kHidden}))) {
    const Fd hidden = TRY(sys::open_dir_at({view, kHidden}));
    if (!TRY(sys::list_dir(hidden)).empty()) {
      return input_error("an opaque directory is not honoured");
    }
  }
  const std::string fresh = "fresh";
  return sys::create_file_at({view, fresh}, "written", 0644);
}

} // namespace dind::host
