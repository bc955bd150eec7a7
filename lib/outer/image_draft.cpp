#include <outer/image_draft.hpp>

#include <bake/metered_source.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/locked_dir.hpp>
#include <images/oci_layout.hpp>
#include <images/patient_pipe.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <tuple>

namespace dind::outer {
namespace {

namespace fs = boost::filesystem;

const std::string kLayoutDraft = ".draft-";
constexpr mode_t kArchiveMode = 0644;
constexpr int kAttempts = 10;

bool is_stdout(const ImageTarget& target) {
  return target.kind == ImageTarget::Kind::docker_archive && target.path == "-";
}

fs::path scratch_dir() {
  const char* const dir = std::getenv("TMPDIR");
  return dir != nullptr && *dir != '\0' ? dir : "/var/tmp";
}

fs::path parent_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : ".";
}

// Where `path` leads if it is a symlink, also to what is not there yet.
Result<fs::path> follow_links(fs::path path) {
  for (int i = 0; i < sys::kMostLinks; ++i) {
    const Fd dir = TRY(sys::open_dir(parent_of(path)));
    const std::string name = path.filename().native();
    const auto target = sys::read_link_at({dir, name});
    if (!target) {
      return path; // no symlink
    }
    path = fs::path(*target).is_absolute() ? fs::path(*target) : parent_of(path) / *target;
  }
  return Error("follow " + path.native(), ELOOP);
}

// The file that an archive is going to replace. Nothing else gives way to one.
Result<fs::path> find_file(const std::string& text) {
  const fs::path path = text;
  const auto there = sys::open_path(path, O_PATH);
  if (!there && !there.error().is(std::errc::no_such_file_or_directory)) {
    return there.error();
  }
  const mode_t mode = there ? TRY(sys::stat_of(*there)).st_mode : S_IFREG;
  if (S_ISDIR(mode) || !path.has_filename() || path.filename() == "." || path.filename() == "..") {
    return input_error("{}: a directory; name a file in it", text);
  }
  if (!S_ISREG(mode)) {
    return input_error("{}: not a file, and an archive would take its place; "
                       "use `docker-archive:-` to write to standard output",
                       text);
  }
  return follow_links(path);
}

Result<void> pour_archive(const ArchiveStream& archive, archive::ByteSink& sink,
                          bake::Progress& progress, const StopFlag& stop) {
  progress.begin("writing", archive.bytes);
  bake::MeteredSource metered(*archive.source, progress, stop);
  TRY(archive::pour(metered, sink));
  progress.done();
  return {};
}

} // namespace

Result<std::unique_ptr<ImageDraft>> ImageDraft::create(const ImageTarget& target) {
  auto draft = std::unique_ptr<ImageDraft>(new ImageDraft(target));
  if (target.kind == ImageTarget::Kind::oci_layout) {
    TRY(draft->begin_in_layout());
    return draft;
  }
  if (is_stdout(target) && ::isatty(STDOUT_FILENO) == 1) {
    return input_error("docker-archive:-: standard output is a terminal");
  }
  const bool has_file = target.kind != ImageTarget::Kind::docker_daemon && !is_stdout(target);
  if (has_file) {
    draft->path_ = TRY(find_file(target.path));
  }
  draft->place_ = has_file ? parent_of(draft->path_) : scratch_dir();
  draft->parent_ = TRY(sys::open_dir(draft->place_));
  TRY(draft->make_dir(has_file ? "." + draft->path_.filename().native() + "-" : ".dindctl-image-"));
  return draft;
}

Result<void> ImageDraft::begin_in_layout() {
  for (int i = 1;; ++i) {
    TRY(open_layout());
    auto made = make_dir(kLayoutDraft);
    // Another first run may have failed, and taken its new layout away.
    if (made || !made.error().is(std::errc::no_such_file_or_directory) || i == kAttempts) {
      return made;
    }
  }
}

Result<void> ImageDraft::open_layout() {
  const fs::path written = target_.path;
  path_ = TRY(follow_links(written.filename() == "." ? written.parent_path() : written));
  auto opened = sys::open_dir(path_);
  if (!opened && opened.error().is(std::errc::no_such_file_or_directory)) {
    const Fd above = TRY(sys::open_dir(parent_of(path_)));
    const std::string name = path_.filename().native();
    auto made = sys::make_dir_at({above, name}, 0755);
    if (!made && !made.error().is(std::errc::file_exists)) {
      return made;
    }
    made_layout_ = static_cast<bool>(made);
    opened = sys::open_dir(path_);
  }
  if (!opened && opened.error().is(std::errc::not_a_directory)) {
    return input_error("{}: not a directory, and so no OCI layout", target_.path);
  }
  parent_ = TRY(std::move(opened));
  place_ = path_;
  return check_layout().within(target_.path);
}

Result<void> ImageDraft::check_layout() const {
  const Fd lock = TRY(lock_layout(parent_));
  if (TRY(sys::exists_at({parent_, images::kOciLayoutFile}))) {
    return check_layout_index(parent_);
  }
  const auto entries = TRY(sys::list_dir(parent_));
  const auto is_draft = [](const sys::DirEntry& entry) {
    return sys::is_locked_dir(entry.name, kLayoutDraft);
  };
  if (!std::all_of(entries.begin(), entries.end(), is_draft)) {
    return input_error("neither an OCI layout nor empty");
  }
  return {};
}

Result<void> ImageDraft::make_dir(const std::string& prefix) {
  sys::remove_orphans(parent_, prefix);
  sys::LockedDir made = TRY(sys::make_locked_dir(parent_, prefix));
  name_ = std::move(made.name); // from here on there is something to remove
  dir_ = std::move(made.dir);
  return {};
}

ImageDraft::~ImageDraft() {
  if (!name_.empty()) {
    std::ignore = sys::remove_tree_at({parent_, name_});
  }
  if (made_layout_) {
    ::rmdir(path_.c_str()); // fails, as it should, if the image is in it
  }
}

Result<ArchiveStream> ImageDraft::stream(const FinishedImage& image) const {
  return stream_archive(dir_, image,
                        target_.compressed() ? ArchiveFormat::oci : ArchiveFormat::docker);
}

Result<void> ImageDraft::store(const FinishedImage& image, bake::Progress& progress,
                               const StopFlag& stop) {
  if (target_.kind == ImageTarget::Kind::oci_layout) {
    return stop ? stopped() : store_oci_layout(parent_, dir_, image).within(target_.path);
  }
  if (!is_stdout(target_)) {
    return store_file(image, progress, stop).within(target_.path);
  }
  const int raw = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
  if (raw == -1) {
    return errno_error("open standard output");
  }
  const Fd out(raw);
  images::PatientSink sink(out, stop);
  const ArchiveStream archive = TRY(stream(image));
  return pour_archive(archive, sink, progress, stop).within("standard output");
}

Result<void> ImageDraft::store_file(const FinishedImage& image, bake::Progress& progress,
                                    const StopFlag& stop) {
  const std::string partial = "archive";
  const Fd file = TRY(sys::open_at({dir_, partial}, O_WRONLY | O_CREAT | O_EXCL, kArchiveMode));
  archive::FdSink sink(file);
  const ArchiveStream archive = TRY(stream(image));
  TRY(pour_archive(archive, sink, progress, stop));
  TRY(sys::set_mode_at({dir_, partial}, kArchiveMode)); // whatever the umask
  const std::string name = path_.filename().native();
  return stop ? stopped() : sys::rename_at({dir_, partial}, {parent_, name});
}

} // namespace dind::outer
