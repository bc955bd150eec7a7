#include <bake/cache_writer.hpp>

#include <archive/byte_sink.hpp>
#include <bake/target.hpp>
#include <cache/canary.hpp>
#include <cache/reader.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <tuple>
#include <utility>

namespace dind::bake {
namespace {

namespace fs = boost::filesystem;

const std::string kLayers = "layer";
const std::string kConfigs = "config";
const std::string kShortNames = cache::kShortNamesDir;
const std::string kDocuments = cache::kDocumentsDir;
const std::string kBlobs = cache::kBlobsDir;
const std::string kManifest = cache::kManifestName;

// Where an open directory is, as the kernel names it.
Result<fs::path> path_of(const Fd& dir) {
  const Fd fds = TRY(sys::open_dir("/proc/self/fd"));
  const std::string number = std::to_string(dir.get());
  return fs::path(TRY(sys::read_link_at({fds, number})));
}

// Whether a cache may be at `plain`, whose parent is open.
Result<void> check_place(const fs::path& plain, const Fd& parent) {
  const auto mounts = TRY(sys::read_mountinfo());
  const fs::path real = TRY(path_of(parent));
  return check_target(real / plain.filename(), mounts);
}

// The same for the path as it is written: a place that will never do need not
// exist to be refused.
Result<void> check_text(const fs::path& plain) {
  const Fd here = TRY(sys::open_dir("."));
  const fs::path from = TRY(path_of(here));
  return check_target((plain.is_absolute() ? plain : from / plain).lexically_normal(), {});
}

// Gives a file or directory the same mode and time at every bake.
Result<void> settle(const Fd& dir, const std::string& name, mode_t mode) {
  TRY(sys::set_mode_at({dir, name}, mode));
  return sys::set_times_at({dir, name}, cache::kFileTime, cache::kFileTime);
}

Result<void> write_json(const Fd& dir, const Digest& digest, std::string_view bytes) {
  const std::string name = digest.hex() + ".json";
  TRY(sys::create_file_at({dir, name}, bytes, 0644));
  return settle(dir, name, 0644);
}

// The same by its descriptor: who may write to the parent can have put another in its place.
Result<void> settle_root(const Fd& root) {
  const std::array<timespec, 2> times = {cache::kFileTime, cache::kFileTime};
  return ::fchmod(root.get(), 0755) == 0 && ::futimens(root.get(), times.data()) == 0
             ? Result<void>()
             : errno_error("set mode and time of the cache");
}

Result<void> check_is(const Fd& root, sys::At at) {
  const struct stat made = TRY(sys::stat_of(root));
  const auto there = sys::stat_at(at);
  return there && there->st_dev == made.st_dev && there->st_ino == made.st_ino
             ? Result<void>()
             : Error(fmt::format("{} is not what was made: others can write to the directory that "
                                 "it is in; choose another",
                                 at.name),
                     EPERM);
}

// Opens the directory that has just been made.
Result<Fd> open_own_dir_at(sys::At at) {
  Fd dir = TRY(sys::open_dir_at(at));
  const struct stat found = TRY(sys::stat_of(dir));
  return found.st_uid == ::geteuid() ? Result<Fd>(std::move(dir))
                                     : Error("open " + at.name + ", another user's", EPERM);
}

} // namespace

Result<std::unique_ptr<CacheWriter>> CacheWriter::create(const fs::path& target) {
  // "cache/" and "cache" are one.
  const fs::path plain =
      target.filename() == "." || target.filename().empty() ? target.parent_path() : target;
  const std::string name = plain.filename().native();
  if (name.empty() || name == "." || name == "..") {
    return input_error("\"{}\" cannot be made: name a directory that does not exist yet",
                       target.native());
  }
  auto writer = std::unique_ptr<CacheWriter>(new CacheWriter);
  writer->target_ = plain;
  writer->target_name_ = name;
  TRY(check_text(plain));
  writer->parent_ = TRY(sys::open_dir(plain.has_parent_path() ? plain.parent_path() : "."));
  TRY(check_place(plain, writer->parent_));
  if (TRY(sys::exists_at({writer->parent_, name}))) {
    return Error(fmt::format("{} exists already; remove it or choose another", plain.native()));
  }
  const std::string draft = fmt::format(".{}.baking-{}", name, sys::random_hex(4));
  TRY(sys::make_dir_at({writer->parent_, draft}, 0700));
  writer->draft_name_ = draft; // from here on there is something to remove
  writer->root_ = TRY(open_own_dir_at({writer->parent_, draft}));
  TRY(sys::make_dir_at({writer->root_, kLayers}, 0755));
  TRY(sys::make_dir_at({writer->root_, kConfigs}, 0755));
  TRY(sys::make_dir_at({writer->root_, kShortNames}, 0755));
  TRY(sys::make_dir_at({writer->root_, kDocuments}, 0755));
  TRY(sys::make_dir_at({writer->root_, kBlobs}, 0755));
  writer->layers_ = TRY(sys::open_dir_at({writer->root_, kLayers}));
  writer->configs_ = TRY(sys::open_dir_at({writer->root_, kConfigs}));
  writer->documents_ = TRY(sys::open_dir_at({writer->root_, kDocuments}));
  writer->blobs_ = TRY(sys::open_dir_at({writer->root_, kBlobs}));
  return writer;
}

CacheWriter::~CacheWriter() {
  if (!draft_name_.empty() && !finished_) {
    std::ignore = sys::remove_tree_at({parent_, draft_name_});
  }
}

Result<Fd> CacheWriter::make_layer_dir(const Digest& diff_id) const {
  TRY(sys::make_dir_at({layers_, diff_id.hex()}, 0755));
  const std::string name = cache::short_name(diff_id);
  auto linked = sys::symlink_at(cache::short_name_target(diff_id), {root_, name});
  if (linked) {
    TRY(sys::set_times_at({root_, name}, cache::kFileTime, cache::kFileTime));
  } else if (!linked.error().is(std::errc::file_exists)) { // of one whose ID begins alike
    return std::move(linked).error();
  }
  return sys::open_dir_at({layers_, diff_id.hex()});
}

Result<void> CacheWriter::remove_layer_dir(const Digest& diff_id) const {
  const std::string dir = diff_id.hex();
  TRY(sys::remove_tree_at({layers_, dir}));
  const std::string name = cache::short_name(diff_id);
  const auto target = sys::read_link_at({root_, name});
  return target && *target == cache::short_name_target(diff_id) ? sys::unlink_at({root_, name})
                                                                : Result<void>();
}

Result<void> CacheWriter::write_config(const Digest& image_id, std::string_view bytes) const {
  return write_json(configs_, image_id, bytes);
}

Result<void> CacheWriter::write_document(const Digest& digest, std::string_view bytes) const {
  return write_json(documents_, digest, bytes);
}

Result<void> CacheWriter::write_blob(const Digest& digest, archive::ByteSource& bytes) const {
  const std::string& name = digest.hex();
  const Fd file = TRY(sys::open_at({blobs_, name}, O_WRONLY | O_CREAT | O_EXCL, 0644));
  archive::FdSink sink(file);
  TRY(archive::pour(bytes, sink));
  return settle(blobs_, name, 0644);
}

Result<void> CacheWriter::finish(cache::Manifest& manifest) {
  manifest.canary_capability = TRY(cache::make_canary(root_));
  TRY(sys::create_file_at({root_, kManifest}, cache::print_manifest(manifest), 0644));
  TRY(settle(root_, kManifest, 0644));
  TRY(settle(root_, kLayers, 0755));
  TRY(settle(root_, kConfigs, 0755));
  TRY(settle(root_, kShortNames, 0755));
  TRY(settle(root_, kDocuments, 0755));
  TRY(settle(root_, kBlobs, 0755));
  TRY(settle_root(root_));
  TRY(check_is(root_, {parent_, draft_name_}));
  auto renamed = sys::rename_new_at({parent_, draft_name_}, {parent_, target_name_});
  if (!renamed && renamed.error().is(std::errc::file_exists)) {
    return Error(fmt::format("{} exists already; remove it or choose another", target_.native()));
  }
  TRY(std::move(renamed));
  finished_ = true;
  return check_is(root_, {parent_, target_name_});
}

} // namespace dind::bake
