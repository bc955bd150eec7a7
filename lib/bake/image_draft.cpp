#include <bake/image_draft.hpp>

#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <unistd.h>

#include <cstdlib>
#include <tuple>

namespace dind::bake {
namespace {

namespace fs = boost::filesystem;

const std::string kLayoutFile = "oci-layout";

bool is_stdout(const ImageTarget& target) {
  return target.kind == ImageTarget::Kind::docker_archive && target.path == "-";
}

fs::path scratch_dir() {
  const char* const dir = std::getenv("TMPDIR");
  return dir != nullptr && *dir != '\0' ? dir : "/var/tmp";
}

} // namespace

Result<std::unique_ptr<ImageDraft>> ImageDraft::create(const ImageTarget& target) {
  auto draft = std::unique_ptr<ImageDraft>(new ImageDraft(target));
  if (target.kind == ImageTarget::Kind::oci_layout) {
    TRY(draft->open_layout());
    TRY(draft->make_dir(".draft-"));
    return draft;
  }
  if (is_stdout(target) && ::isatty(STDOUT_FILENO) == 1) {
    return input_error("docker-archive:-: standard output is a terminal");
  }
  const bool has_file = target.kind != ImageTarget::Kind::docker_daemon && !is_stdout(target);
  const fs::path file = target.path;
  TRY(draft->open_parent(!has_file                ? scratch_dir()
                         : file.has_parent_path() ? file.parent_path()
                                                  : "."));
  TRY(draft->make_dir(has_file ? "." + file.filename().native() + "-" : ".dindctl-image-"));
  return draft;
}

Result<void> ImageDraft::open_parent(const fs::path& path) {
  parent_ = TRY(sys::open_dir(path));
  return {};
}

Result<void> ImageDraft::open_layout() {
  const fs::path plain = fs::path(target_.path).filename() == "."
                             ? fs::path(target_.path).parent_path()
                             : fs::path(target_.path);
  auto opened = sys::open_dir(plain);
  if (!opened && opened.error().is(std::errc::no_such_file_or_directory)) {
    const Fd above = TRY(sys::open_dir(plain.has_parent_path() ? plain.parent_path() : "."));
    const std::string name = plain.filename().native();
    TRY(sys::make_dir_at({above, name}, 0755));
    made_layout_ = true;
    opened = sys::open_dir(plain);
  }
  parent_ = TRY(std::move(opened));
  if (!TRY(sys::exists_at({parent_, kLayoutFile})) && !TRY(sys::list_dir(parent_)).empty()) {
    return input_error("{} is neither an OCI layout nor empty", plain.native());
  }
  return {};
}

Result<void> ImageDraft::make_dir(const std::string& prefix) {
  const std::string name = prefix + sys::random_hex(4);
  TRY(sys::make_dir_at({parent_, name}, 0700));
  name_ = name; // from here on there is something to remove
  dir_ = TRY(sys::open_dir_at({parent_, name_}));
  return {};
}

ImageDraft::~ImageDraft() {
  if (!name_.empty()) {
    std::ignore = sys::remove_tree_at({parent_, name_});
  }
  if (made_layout_) {
    ::rmdir(target_.path.c_str()); // fails, as it should, if the image is in it
  }
}

Result<std::unique_ptr<archive::ByteSource>> ImageDraft::stream(const FinishedImage& image) const {
  return stream_archive(dir_, image, !target_.compressed());
}

Result<void> ImageDraft::write_archive(const FinishedImage& image, const Fd& file) const {
  const auto archive = TRY(stream(image));
  archive::FdSink sink(file);
  return archive::pour(*archive, sink);
}

Result<void> ImageDraft::store(const FinishedImage& image) {
  if (target_.kind == ImageTarget::Kind::oci_layout) {
    return store_oci_layout(parent_, dir_, image);
  }
  if (is_stdout(target_)) {
    const int raw = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    if (raw == -1) {
      return errno_error("open standard output");
    }
    return write_archive(image, Fd(raw)).within("standard output");
  }
  const std::string partial = "archive";
  {
    const Fd file = TRY(sys::open_at({dir_, partial}, O_WRONLY | O_CREAT | O_EXCL, 0644));
    TRY(write_archive(image, file).within(target_.path));
  }
  const std::string name = fs::path(target_.path).filename().native();
  return sys::rename_at({dir_, partial}, {parent_, name});
}

} // namespace dind::bake
