#include <clone/tree_cloner.hpp>

#include <clone/file_cloner.hpp>

#include <sys/dir_stream.hpp>
#include <sys/written.hpp>

#include <dirent.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <utility>

namespace dind::clone {
namespace {

enum class Found { fresh, existing };

// How the descriptors that a process may have are shared out: half of them to threads,
// each with two directories, a file and where it goes, the first name of a hard link,
// two files waiting for a thread, and some while they change hands. The rest to
// directories that wait open; what does not fit is opened again by its path.
struct Share {
  unsigned threads = 1;
  unsigned pairs = 0;
};

Share share_descriptors(unsigned jobs) {
  constexpr rlim_t kOthers = 128;
  constexpr rlim_t kPerThread = 12;
  constexpr rlim_t kMostPairs = 256;
  rlimit limit{};
  const rlim_t all = ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
  const rlim_t ours = all > 2 * kOthers ? all - kOthers : all / 2;
  const rlim_t threads = std::max<rlim_t>(1, ours / 2 / kPerThread);
  return {static_cast<unsigned>(std::clamp<rlim_t>(jobs, 1, threads)),
          static_cast<unsigned>(std::min(kMostPairs, ours / 8))};
}

class Walk {
public:
  Walk(const Fd& from, const Fd& to, const CloneOptions& options, CloneProgress& progress)
      : from_(from), to_(to), options_(options), progress_(progress),
        share_(share_descriptors(options.jobs)),
        files_(to, options.method, share_.threads > 1 ? 2 * share_.threads : 0, progress, work_) {}

  Result<void> run();

private:
  using DirPtr = std::shared_ptr<TreeDir>;
  using PairPtr = std::shared_ptr<DirPair>;

  void push(DirPtr dir, PairPtr above, Found found);
  Result<void> visit(const DirPtr& dir, PairPtr above, Found found);
  Result<PairPtr> open(const TreeDir& dir, const PairPtr& above) const;
  Result<void> clone_dir(const DirPtr& dir, const PairPtr& pair, Found found);
  Result<void> clone_entries(const CloneSite& site, const PairPtr& pair);
  Result<Found> make_dir(sys::At at);
  bool is_kept(const TreeDir& dir) const;
  bool hold(DirPair& pair);

  const Fd& from_;
  const Fd& to_;
  const CloneOptions& options_;
  CloneProgress& progress_;
  const Share share_;
  dev_t device_ = 0;
  std::atomic<unsigned> held_{0}; // directories open for children that wait
  WorkStack work_;
  FileCloner files_;
};

Result<void> Walk::run() {
  device_ = TRY(sys::stat_of(from_)).st_dev;
  push(std::make_shared<TreeDir>(nullptr, ""), nullptr, Found::existing);
  return work_.run(share_.threads, options_.interrupted);
}

void Walk::push(DirPtr dir, PairPtr above, Found found) {
  work_.push([this, dir = std::move(dir), above = std::move(above), found]() mutable {
    return visit(dir, std::move(above), found);
  });
}

Result<void> Walk::visit(const DirPtr& dir, PairPtr above, Found found) {
  auto pair = open(*dir, above);
  above.reset(); // the parent may be closed now, however deep this goes
  return pair ? clone_dir(dir, *pair, found)
              : Result<void>(std::move(pair).error().within(dir->path()));
}

Result<Walk::PairPtr> Walk::open(const TreeDir& dir, const PairPtr& above) const {
  const std::string here = ".";
  auto pair = std::make_shared<DirPair>();
  if (!dir.parent) {
    pair->from = TRY(open_source_at({from_, here}, O_DIRECTORY));
    pair->to = TRY(sys::open_dir_at({to_, here}));
  } else if (above) {
    pair->from = TRY(open_source_at({above->from, dir.name}, O_DIRECTORY));
    pair->to = TRY(sys::open_dir_at({above->to, dir.name}));
  } else {
    pair->from = TRY(open_place(from_, dir));
    pair->to = TRY(open_place(to_, dir));
  }
  return pair;
}

bool Walk::is_kept(const TreeDir& dir) const {
  return options_.keep && options_.keep->contains(dir.path());
}

// All that has a name in a directory is made before the directory's turn is over, its
// subdirectories as well, if empty still. So it gets its times then, and does not wait
// for what is further down.
Result<void> Walk::clone_dir(const DirPtr& dir, const PairPtr& pair, Found found) {
  struct stat source {};
  struct stat target {};
  const bool kept = found == Found::existing && is_kept(*dir);
  const auto begin = [&]() -> Result<void> {
    source = TRY(sys::stat_of(pair->from));
    target = TRY(sys::stat_of(pair->to));
    if (source.st_dev != device_) {
      return Error("enter another filesystem", EXDEV);
    }
    return found == Found::existing && !kept ? clear_xattrs(pair->to) : Result<void>();
  };
  const auto finish = [&]() -> Result<void> {
    if (kept) {
      const std::string here = ".";
      return sys::set_times_at({pair->to, here}, target.st_atim, target.st_mtim);
    }
    return copy_metadata(pair->from, pair->to, source, {true, target.st_uid, target.st_gid});
  };
  const auto here = [&](Result<void> done) {
    return done ? std::move(done) : std::move(done).within(dir->parent ? dir->path() : ".");
  };
  TRY(here(begin()));
  TRY(clone_entries({dir, *pair, Birth::in(target)}, pair));
  return here(finish());
}

Result<void> Walk::clone_entries(const CloneSite& site, const PairPtr& pair) {
  sys::DirStream entries(pair->from);
  const auto clone_entry = [&](const sys::DirEntry& entry) -> Result<void> {
    unsigned char type = entry.type;
    if (type == DT_UNKNOWN) {
      const struct stat status = TRY(sys::stat_at({pair->from, entry.name}));
      type = static_cast<unsigned char>(IFTODT(status.st_mode));
    }
    if (type != DT_DIR) {
      return files_.clone(site, {entry.name, type});
    }
    const Found found = TRY(make_dir({pair->to, entry.name}));
    push(std::make_shared<TreeDir>(site.dir, entry.name), hold(*pair) ? pair : nullptr, found);
    return {};
  };
  while (!work_.stopping()) {
    const sys::DirEntry* entry = TRY(entries.next());
    if (!entry) {
      break;
    }
    auto cloned = clone_entry(*entry);
    if (!cloned) {
      return std::move(cloned).within(site.dir->path_of(entry->name));
    }
  }
  return {};
}

Result<Found> Walk::make_dir(sys::At at) {
  constexpr mode_t kWhileFilled = 0700;
  for (;;) {
    if (::mkdirat(at.dir.get(), at.name.c_str(), kWhileFilled) == 0) {
      ++progress_.inodes;
      sys::count_made();
      return Found::fresh;
    }
    if (errno != EEXIST) {
      return errno_error("make directory");
    }
    const struct stat there = TRY(sys::stat_at(at));
    if (S_ISDIR(there.st_mode)) {
      return Found::existing;
    }
    TRY(sys::unlink_at(at));
  }
}

// Whether children find this directory open; the same for all of them.
bool Walk::hold(DirPair& pair) {
  if (!pair.held && held_ < share_.pairs) {
    ++held_;
    pair.held = &held_;
  }
  return pair.held != nullptr;
}

} // namespace

Result<void> clone_tree(const Fd& from, const Fd& to, const CloneOptions& options,
                        CloneProgress& progress) {
  return Walk(from, to, options, progress).run();
}

} // namespace dind::clone
