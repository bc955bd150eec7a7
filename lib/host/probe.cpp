#include <host/probe.hpp>

#include <host/cpus.hpp>
#include <host/probe_btrfs.hpp>
#include <host/probe_files.hpp>
#include <host/probe_fuse.hpp>
#include <host/probe_loop.hpp>
#include <host/probe_overlay.hpp>
#include <host/probe_owners.hpp>
#include <host/surroundings.hpp>
#include <sys/file.hpp>
#include <sys/mount.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <string_view>

namespace dind::host {
namespace {

constexpr const char* kFuseOverlayfs = "fuse-overlayfs";
constexpr const char* kBtrfs = "btrfs";
const dev_t kFuseDevice = ::makedev(10, 229); // linux/miscdevice.h, MISC_MAJOR and FUSE_MINOR
const Fact kNotProbed = {false, "not probed"};
const Fact kShiftedOwners = {false, "with userns-remap its files need other owners"};
const Fact kStrangeOwners = {false, "in a user namespace its files may appear with other owners"};

bool is_want_of_room(const Error& error) {
  return error.code() == ENOSPC || error.code() == EDQUOT;
}

// Tries one rung after the other in one scratch directory.
class Probe {
public:
  Probe(const Scratch& scratch, const ProbeRequest& request, HostFacts& facts)
      : scratch_(scratch), request_(request), facts_(facts) {
    if (const auto path = real_path(scratch.dir())) {
      path_obstacle_ = path_obstacle(path->native());
    }
  }

  void climb() {
    for (const std::string& sample : request_.samples) {
      facts_.caches.push_back(probe_cache(sample));
    }
    if (facts_.in_user_namespace) {
      facts_.user_marks = fact_of(try_user_marks(scratch_), "directories can be marked as opaque");
    }
    if (request_.ids) {
      facts_.shifted_owners =
          fact_of(try_shifted_owners(scratch_, *request_.ids), "owners can be shifted");
    }
    probe_inside();
    facts_.fuse_device = fact_of_device();
    probe_room();
    probe_alternatives();
  }

private:
  Fact fact_of(const Result<void>& tried, std::string_view success) const {
    facts_.is_full = facts_.is_full || (!tried && is_want_of_room(tried.error()));
    return tried ? Fact{true, std::string(success)}
                 : Fact{false, fmt::format("{} (the data root is on {})", tried.error().describe(),
                                           facts_.data_root_filesystem)};
  }

  static Fact fact_of_device() {
    const auto device = sys::open_path("/dev/fuse", O_RDWR | O_NONBLOCK);
    if (!device) {
      return {false, device.error().describe()};
    }
    const auto found = sys::stat_of(*device);
    const bool is_fuse = found && S_ISCHR(found->st_mode) && found->st_rdev == kFuseDevice;
    return is_fuse ? Fact{true, "/dev/fuse is there"} : Fact{false, "/dev/fuse is no such device"};
  }

  Fact overlay(const std::string& sample, std::string_view success) const {
    if (path_obstacle_) {
      return {false, *path_obstacle_};
    }
    const auto marks = facts_.in_user_namespace ? MarkSpace::user : MarkSpace::trusted;
    return fact_of(try_overlay(scratch_, sample, marks), success);
  }

  CacheFacts probe_cache(const std::string& sample) const {
    CacheFacts cache;
    cache.fuse_borrow = kNotProbed;
    if (facts_.in_user_namespace) {
      cache.borrow = cache.reflink = cache.hardlink = kStrangeOwners;
      return cache;
    }
    cache.reflink =
        fact_of(try_reflink(scratch_, sample, request_.ids), "files of the cache can be cloned");
    if (request_.ids) {
      cache.borrow = cache.hardlink = kShiftedOwners;
      return cache;
    }
    cache.borrow = overlay(sample, "an overlay over the cache can be mounted in the data root");
    cache.hardlink = fact_of(try_hardlink(scratch_, sample), "files of the cache can be linked");
    const auto dir = sys::open_dir(sample);
    const auto on_own_root = dir ? is_on_own_root(*dir) : dir.error();
    cache.on_own_root = on_own_root && *on_own_root;
    return cache;
  }

  bool borrows() const { return !request_.ids && !facts_.in_user_namespace; }

  // What works from a cache into the data root works within the data root: one probe less on the
  // usual way.
  template <typename Try>
  Fact implied_or(Fact CacheFacts::*fact, Try&& attempt) const {
    const auto holds = [fact](const CacheFacts& cache) { return (cache.*fact).holds; };
    const auto found = std::find_if(facts_.caches.begin(), facts_.caches.end(), holds);
    return found != facts_.caches.end() ? (*found).*fact : attempt();
  }

  void probe_inside() {
    facts_.overlay = implied_or(&CacheFacts::borrow, [this] {
      return overlay("", "an overlay can be mounted in the data root");
    });
    facts_.d_type = fact_of(try_d_type(scratch_), "directory entries tell their type");
    facts_.reflink = implied_or(&CacheFacts::reflink, [this] {
      return fact_of(try_reflink(scratch_, ""), "files of the data root can be cloned");
    });
    facts_.hardlink = implied_or(&CacheFacts::hardlink, [this] {
      return fact_of(try_hardlink(scratch_, ""), "files of the data root can be linked");
    });
  }

  // An overlay that holds was written to.
  void probe_room() {
    facts_.writable = fact_of(facts_.overlay.holds ? Result<void>() : try_write(scratch_),
                              "files can be made in the data root");
  }

  // Whether more than overlay2 has to be known.
  bool needs_alternatives() const {
    return request_.everything || !facts_.overlay.holds || !facts_.d_type.holds;
  }

  bool is_wanted(std::string_view driver) const {
    const auto& named = request_.named_drivers;
    return needs_alternatives() || std::find(named.begin(), named.end(), driver) != named.end();
  }

  Fact loop() const {
    if (!needs_alternatives()) {
      return kNotProbed;
    }
    if (path_obstacle_) { // it would be mounted at the same path
      return {false, *path_obstacle_};
    }
    return fact_of(try_loop(scratch_), "an ext4 file can be mounted through a loop device");
  }

  Fact fuse_overlayfs(const std::string& sample, std::string_view success) const {
    return path_obstacle_ ? Fact{false, *path_obstacle_}
                          : fact_of(try_fuse_overlayfs(scratch_, sample), success);
  }

  void probe_alternatives() {
    facts_.loop = loop();
    facts_.btrfs = is_wanted(kBtrfs)
                       ? fact_of(try_btrfs(scratch_), "subvolumes and snapshots can be made")
                       : kNotProbed;
    facts_.fuse_overlayfs = kNotProbed;
    if (!is_wanted(kFuseOverlayfs)) {
      return;
    }
    for (std::size_t i = 0; i < request_.samples.size() && borrows(); ++i) {
      facts_.caches[i].fuse_borrow = fuse_overlayfs(
          request_.samples[i], "fuse-overlayfs can be mounted over the cache in the data root");
    }
    facts_.fuse_overlayfs = implied_or(&CacheFacts::fuse_borrow, [this] {
      return fuse_overlayfs("", "fuse-overlayfs can be mounted in the data root");
    });
  }

  const Scratch& scratch_;
  const ProbeRequest& request_;
  HostFacts& facts_;
  std::optional<std::string> path_obstacle_;
};

// A data root that nothing can be made in holds none of it.
void refuse_all(const Error& error, const ProbeRequest& request, HostFacts& facts) {
  const Fact refused = {false, Error(error).within("try in the data root").describe()};
  facts.is_full = is_want_of_room(error);
  for (Fact* fact :
       {&facts.writable, &facts.overlay, &facts.d_type, &facts.reflink, &facts.hardlink,
        &facts.fuse_device, &facts.fuse_overlayfs, &facts.btrfs, &facts.loop}) {
    *fact = refused;
  }
  if (request.ids) {
    facts.shifted_owners = refused;
  }
  for (const std::string& sample : request.samples) {
    const auto dir = sys::open_dir(sample);
    const auto on_own_root = dir ? is_on_own_root(*dir) : dir.error();
    facts.caches.push_back({refused, refused, refused, refused, on_own_root && *on_own_root});
  }
}

} // namespace

Result<HostFacts> probe(const Fd& data_root, const ProbeRequest& request) {
  HostFacts facts;
  facts.data_root_filesystem = TRY(sys::filesystem_of(data_root));
  facts.filesystem_note = filesystem_note(facts.data_root_filesystem);
  facts.free = TRY(sys::free_space(data_root));
  facts.is_noexec = is_noexec(data_root);
  facts.in_user_namespace = is_in_user_namespace();
  facts.cpus = count_cpus();
  const auto parent = sys::open_beneath(data_root, request.scratch_parent, O_RDONLY | O_DIRECTORY);
  const auto scratch = parent ? Scratch::make(*parent) : parent.error();
  if (!scratch) {
    refuse_all(scratch.error(), request, facts);
    return facts;
  }
  Probe(*scratch, request, facts).climb();
  return facts;
}

} // namespace dind::host
