#include <host/probe.hpp>

#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/mount.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <tuple>

namespace dind::host {
namespace {

const std::string kUpper = "upper";
const std::string kWork = "work";
const std::string kMerged = "merged";
const std::string kLower = "lower";
const std::string kMarks = "marks";
const std::string kWitness = "witness";

// A directory of our own that goes with its owner.
class Scratch {
public:
  static Result<Scratch> make(const Fd& root, const std::string& parent) {
    Scratch scratch;
    scratch.parent_ = TRY(sys::open_beneath(root, parent, O_RDONLY | O_DIRECTORY));
    scratch.name_ = "probe-" + sys::random_hex(4);
    TRY(sys::make_dir_at({scratch.parent_, scratch.name_}, 0700));
    scratch.dir_ = TRY(sys::open_dir_at({scratch.parent_, scratch.name_}));
    return scratch;
  }
  Scratch(Scratch&&) = default;
  Scratch& operator=(Scratch&&) = default;
  ~Scratch() {
    if (parent_) {
      std::ignore = sys::remove_tree_at({parent_, name_});
    }
  }

  const Fd& dir() const { return dir_; }

private:
  Scratch() = default;
  Fd parent_;
  std::string name_;
  Fd dir_;
};

// A path for mount(2) that needs no escaping and cannot be swapped underneath us.
std::string proc_path(const Fd& fd) {
  return fmt::format("/proc/self/fd/{}", fd.get());
}

Result<sys::fs::path> real_path(const Fd& fd) {
  const Fd links = TRY(sys::open_dir("/proc/self/fd"));
  const std::string name = std::to_string(fd.get());
  return sys::fs::path(TRY(sys::read_link_at({links, name})));
}

class MountedOverlay {
public:
  static Result<MountedOverlay> make(const std::string& lowers, const Fd& upper, const Fd& work,
                                     const Fd& target) {
    // index=off as dockerd has it; without it a lower may be used only once.
    const std::string data = fmt::format("index=off,lowerdir={},upperdir={},workdir={}", lowers,
                                         proc_path(upper), proc_path(work));
    // To be undone by its name: `target` goes on leading beneath the mount.
    const sys::fs::path path = TRY(real_path(target));
    TRY(sys::mount("overlay", path, "overlay", 0, data));
    return MountedOverlay(path);
  }
  MountedOverlay(MountedOverlay&& other) noexcept : target_(std::exchange(other.target_, {})) {}
  MountedOverlay& operator=(MountedOverlay&&) = delete;
  ~MountedOverlay() {
    if (!target_.empty()) {
      std::ignore = sys::unmount(target_);
    }
  }

private:
  explicit MountedOverlay(sys::fs::path target) : target_(std::move(target)) {}
  sys::fs::path target_;
};

// Mounts an overlay of `sample` and, below it, a directory whose only file a
// whiteout between the two deletes; checks what shows, and that it can be written to.
Result<void> try_overlay(const Fd& root, const std::string& parent, const std::string& sample) {
  const Scratch scratch = TRY(Scratch::make(root, parent));
  const Fd& dir = scratch.dir();
  for (const std::string& name : {kUpper, kWork, kMerged, kLower, kMarks}) {
    TRY(sys::make_dir_at({dir, name}, 0755));
  }
  const Fd upper = TRY(sys::open_dir_at({dir, kUpper}));
  const Fd work = TRY(sys::open_dir_at({dir, kWork}));
  const Fd merged = TRY(sys::open_dir_at({dir, kMerged}));
  const Fd lower = TRY(sys::open_dir_at({dir, kLower}));
  const Fd marks = TRY(sys::open_dir_at({dir, kMarks}));
  const Fd top = sample.empty() ? TRY(sys::open_dir_at({dir, kLower})) : TRY(sys::open_dir(sample));
  TRY(sys::create_file_at({lower, kWitness}, "deleted", 0644));
  TRY(sys::make_node_at({marks, kWitness}, S_IFCHR, ::makedev(0, 0)).within("make a whiteout"));

  const std::string lowers = sample.empty()
                                 ? proc_path(marks) + ":" + proc_path(lower)
                                 : proc_path(top) + ":" + proc_path(marks) + ":" + proc_path(lower);
  const auto overlay = MountedOverlay::make(lowers, upper, work, merged);
  if (!overlay) {
    return overlay.error();
  }
  const Fd view = TRY(sys::open_dir_at({dir, kMerged}));
  const bool witness = TRY(sys::exists_at({view, kWitness}));
  if (witness) {
    return input_error("a whiteout is not honoured");
  }
  const std::string fresh = "fresh";
  return sys::create_file_at({view, fresh}, "written", 0644);
}

Fact fact_of(const Result<void>& tried, const std::string& success, const HostFacts& facts) {
  return tried ? Fact{true, success}
               : Fact{false, fmt::format("{} (the data root is on {})", tried.error().describe(),
                                         facts.data_root_filesystem)};
}

} // namespace

Result<HostFacts> probe(const Fd& data_root, const std::string& scratch_parent,
                        const std::vector<std::string>& samples) {
  HostFacts facts;
  facts.data_root_filesystem = TRY(sys::filesystem_of(data_root));
  facts.free = TRY(sys::free_space(data_root));
  for (const std::string& sample : samples) {
    const auto borrowed = try_overlay(data_root, scratch_parent, sample);
    facts.caches.push_back(
        {fact_of(borrowed, "an overlay over the cache can be mounted in the data root", facts)});
  }
  // Whoever can borrow can do without: one mount less on the way that matters.
  const bool borrows = !facts.caches.empty() && facts.caches.front().borrow.holds;
  facts.overlay = borrows ? Fact{true, facts.caches.front().borrow.why}
                          : fact_of(try_overlay(data_root, scratch_parent, ""),
                                    "an overlay can be mounted in the data root", facts);
  return facts;
}

} // namespace dind::host
