#include <images/source.hpp>

#include <sys/file.hpp>
#include <images/docker_archive.hpp>
#include <images/oci_layout.hpp>

#include <unistd.h>

namespace dind::images {
namespace {

Result<Fd> open_input(const SourceSpec& spec) {
  if (!spec.is_stdin()) {
    // Named pipes are fine, so this may wait for a writer.
    auto opened = sys::open_path(spec.path, O_RDONLY);
    if (!opened && opened.error().is(std::errc::no_such_file_or_directory) &&
        spec.kind == SourceSpec::Kind::any) {
      return Error(fmt::format("a source is {}, or the path of one", kSourceForms), ENOENT);
    }
    return opened;
  }
  const int raw = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
  if (raw == -1) {
    return errno_error("open standard input");
  }
  return Fd(raw);
}

bool is_directory(const std::string& path) {
  const auto fd = sys::open_path(path, O_PATH);
  const auto found = fd ? sys::stat_of(*fd) : Result<struct stat>(fd.error());
  return found && S_ISDIR(found->st_mode);
}

Result<std::shared_ptr<const Bundle>> spool_bundle(Fd input, const Reading& reading) {
  auto seekable =
      TRY(make_seekable(std::move(input), reading.scratch, reading.stop, reading.progress));
  return std::shared_ptr<const Bundle>(TRY(index_tar(std::move(seekable.fd), seekable.start)));
}

Result<std::shared_ptr<const Bundle>> open_bundle(const SourceSpec& spec, const Reading& reading) {
  if (spec.kind == SourceSpec::Kind::oci_layout ||
      (spec.kind == SourceSpec::Kind::any && is_directory(spec.path))) {
    return std::shared_ptr<const Bundle>(TRY(open_directory(spec.path)));
  }
  return spool_bundle(TRY(open_input(spec)), reading);
}

// The engine picks the image, and knows digests that its archive does not have.
Result<SourceContent> read_engine(const SourceSpec& spec, const Reading& reading) {
  if (!reading.open_engine) {
    return input_error("no engine to ask");
  }
  EngineExport exported = TRY(reading.open_engine(spec.reference));
  auto bundle = TRY(spool_bundle(std::move(exported.stream), reading));
  auto content = TRY(read_docker_archive(std::move(bundle), "", reading.platform));
  for (SourceImage& image : content.images) {
    image.image.digests = exported.digests;
  }
  return content;
}

// What a bundle holds, where the source does not say. Docker's newer archives
// are both, and its own manifest is the one with every name.
Result<SourceSpec::Kind> detect_kind(const Bundle& bundle) {
  if (bundle.has(kDockerManifest)) {
    return SourceSpec::Kind::docker_archive;
  }
  if (bundle.has(kOciIndex)) {
    return SourceSpec::Kind::oci_archive;
  }
  if (bundle.has("repositories")) {
    return input_error("an archive of before Docker 1.10: load it and save it again");
  }
  return input_error("not an archive of images: it has no {} and no {}", kDockerManifest,
                     kOciIndex);
}

Result<SourceContent> read_images(const SourceSpec& spec, const Reading& reading) {
  if (spec.kind == SourceSpec::Kind::docker_daemon) {
    return read_engine(spec, reading);
  }
  auto bundle = TRY(open_bundle(spec, reading));
  const SourceSpec::Kind found = TRY(detect_kind(*bundle));
  const SourceSpec::Kind kind = spec.kind == SourceSpec::Kind::any ? found : spec.kind;
  if (kind == SourceSpec::Kind::docker_archive) {
    if (found != kind) {
      return input_error("no {}: this is an OCI layout, so write oci-archive:{}", kDockerManifest,
                         spec.path);
    }
    return read_docker_archive(std::move(bundle), spec.reference, reading.platform);
  }
  if (!bundle->has(kOciIndex)) {
    return input_error("no {}: this is a docker archive, so write docker-archive:{}", kOciIndex,
                       spec.path);
  }
  return read_oci_layout(std::move(bundle), spec.reference, reading.platform);
}

} // namespace

Result<SourceContent> read_source(const SourceSpec& spec, const Reading& reading) {
  const std::string name = spec.is_stdin() ? "standard input" : spec.name();
  auto content = TRY(read_images(spec, reading).within(name));
  for (std::string& warning : content.warnings) {
    warning = name + ": " + warning;
  }
  for (Error& refusal : content.refused) {
    refusal = std::move(refusal).within(name);
  }
  return content;
}

} // namespace dind::images
