#include <daemon/tls.hpp>

#include <daemon/certificates.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <optional>
#include <tuple>

namespace dind::daemon {
namespace {

constexpr std::size_t kPemLimit = 1U << 20U;
constexpr mode_t kSecret = 0600;
constexpr mode_t kPublic = 0644;
constexpr mode_t kFolderMode = 0755;
constexpr mode_t kWritableByOthers = 022;

constexpr const char* kKey = "key.pem";
constexpr const char* kCertificate = "cert.pem";
constexpr const char* kRequest = "csr.pem";
constexpr const char* kCa = "ca.pem";
constexpr const char* kConfig = "openssl.cnf";

bool is_ours(const struct stat& found) {
  return found.st_uid == ::geteuid() || found.st_uid == 0;
}

// What is wrong, and what to set. A pod's fsGroup makes a volume's files its group's, and lets it
// write them.
Error untrusted(const std::string& what, const struct stat& found) {
  constexpr const char* kOfFsGroup =
      ". If a pod's fsGroup did it, set fsGroupChangePolicy: OnRootMismatch";
  const bool is_groups = is_ours(found) && (found.st_mode & S_IWGRP) != 0 && found.st_gid != 0;
  return Error(
      fmt::format("{} must be owned by root or by this user, and writable by no other, but "
                  "has owner {}, group {} and mode {:o}: chmod go-w{}",
                  what, found.st_uid, found.st_gid, found.st_mode & 07777U,
                  is_groups ? kOfFsGroup : ""),
      EPERM);
}

// Whether others may change a file that is found. Those of clients are theirs to read anyway.
enum class Trust { secret, shared };

// One of ca/, server/ and client/.
class Folder {
public:
  // Opens it, or makes it. A symlink is refused, and but for client/ so is a folder in which
  // others could replace files.
  static Result<Folder> open(const Fd& root, const std::string& name, Trust trust) {
    TRY(sys::ensure_dir_at({root, name}, kFolderMode));
    Folder folder(TRY(sys::open_dir_at({root, name})), name);
    const struct stat found = TRY(sys::stat_of(folder.fd_));
    const bool others_can_replace =
        (found.st_mode & kWritableByOthers) != 0 && (found.st_mode & S_ISVTX) == 0;
    if (trust == Trust::secret && (!is_ours(found) || others_can_replace)) {
      return untrusted(name, found);
    }
    return folder;
  }

  // The text of a file; nullopt if there is none, or nothing in it.
  Result<std::optional<std::string>> read(const std::string& file, Trust trust) const {
    const std::string label = name_ + "/" + file;
    if (!TRY(sys::exists_at({fd_, file}))) {
      return std::optional<std::string>();
    }
    const struct stat link = TRY(sys::stat_at({fd_, file}));
    const Fd opened = TRY(open_to_read(file, trust).within(label));
    const struct stat found = TRY(sys::stat_of(opened));
    const bool others_write = trust == Trust::secret && (found.st_mode & kWritableByOthers) != 0;
    if (!is_ours(link) || !is_ours(found) || !S_ISREG(found.st_mode) || others_write) {
      return untrusted(label, is_ours(link) ? found : link);
    }
    std::string text = TRY(sys::read_all(opened, kPemLimit).within(label));
    return text.empty() ? std::optional<std::string>() : std::optional(std::move(text));
  }

  Result<void> write(const std::string& file, const std::string& text, mode_t mode) const {
    return sys::replace_file_at({fd_, file}, text, mode, sys::Durable::no).within(name_);
  }

  Result<void> remove(const std::string& file) const {
    auto removed = sys::unlink_at({fd_, file});
    const bool is_gone = removed || removed.error().is(std::errc::no_such_file_or_directory);
    return is_gone ? Result<void>() : std::move(removed).within(name_);
  }

private:
  Folder(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  // A symlink of ours is followed where others cannot put one: Kubernetes mounts secrets as such.
  // What is read in client/ is written back for all to read, and a symlink of a client that is root
  // may lead to any key of this container.
  Result<Fd> open_to_read(const std::string& file, Trust trust) const {
    if (trust == Trust::shared) {
      return sys::open_regular_at({fd_, file});
    }
    const fs::path path = fmt::format("/proc/self/fd/{}/{}", fd_.get(), file);
    return sys::open_path(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  }

  Fd fd_;
  std::string name_;
};

// The key that is there, or a new one.
Result<std::string> keep_key(const Folder& folder, const TlsRequest& request, const char* label) {
  if (auto found = TRY(folder.read(kKey, Trust::secret))) {
    TRY(check_key(*found).within(label));
    return std::move(*found);
  }
  const std::string key = TRY(make_key(request.key, request.stopped));
  TRY(folder.write(kKey, key, kSecret));
  return key;
}

std::string config_text(Role role, const std::string& names) {
  std::string text = fmt::format("[ x509_exts ]\nextendedKeyUsage = {}\n", extended_usage_of(role));
  return names.empty() ? text : text + fmt::format("subjectAltName = {}\n", names);
}

struct Ca {
  std::string key;
  std::string certificate;
};

Result<Ca> make_ca_folder(const Fd& root, const TlsRequest& request) {
  const Folder folder = TRY(Folder::open(root, "ca", Trust::secret));
  Ca ca;
  ca.key = TRY(keep_key(folder, request, "ca/key.pem"));
  ca.certificate = TRY(make_ca(ca.key).within("ca/cert.pem"));
  TRY(folder.write(kCertificate, ca.certificate, kPublic));
  return ca;
}

Result<void> make_server_folder(const Fd& root, const TlsRequest& request, const Ca& ca) {
  const Folder folder = TRY(Folder::open(root, "server", Trust::secret));
  const std::string key = TRY(keep_key(folder, request, "server/key.pem"));
  const Certificate made =
      TRY(make_certificate(Role::server, key, request.names, ca.certificate, ca.key)
              .within("server/cert.pem"));
  TRY(folder.write(kRequest, made.request, kPublic));
  TRY(folder.write(kConfig, config_text(Role::server, request.names), kPublic));
  TRY(folder.write(kCertificate, made.pem, kPublic));
  return folder.write(kCa, ca.certificate, kPublic);
}

// The client's key is for everybody who can read the folder, and only they could have put
// another one there: one that cannot be used is made anew.
std::optional<std::string> usable_client_key(const Fd& root) {
  const auto folder = Folder::open(root, "client", Trust::shared);
  if (!folder) {
    return std::nullopt;
  }
  auto key = folder->read(kKey, Trust::shared);
  return key && *key && check_key(**key) ? *key : std::nullopt;
}

// Whether a client that reads old and new files in any mixture still has a set that fits.
bool stays_valid(const Folder& folder, const std::string& key, const Ca& ca) {
  const auto certificate = folder.read(kCertificate, Trust::shared);
  return certificate && *certificate && check_certificate(**certificate, ca.certificate, key);
}

Result<void> fill_client_folder(const Folder& folder, const std::string& key,
                                const Certificate& made, const Ca& ca) {
  TRY(folder.write(kKey, key, kPublic)); // for clients that are not root
  TRY(folder.write(kRequest, made.request, kPublic));
  TRY(folder.write(kConfig, config_text(Role::client, ""), kPublic));
  TRY(folder.write(kCertificate, made.pem, kPublic));
  return folder.write(kCa, ca.certificate, kPublic);
}

Result<void> make_client_folder(const Fd& root, const TlsRequest& request, const Ca& ca) {
  const std::string name = "client";
  const bool is_there = TRY(sys::exists_at({root, name}));
  std::optional<std::string> found = is_there ? usable_client_key(root) : std::nullopt;
  const std::string key = found ? std::move(*found) : TRY(make_key(request.key, request.stopped));
  const Certificate made = TRY(
      make_certificate(Role::client, key, "", ca.certificate, ca.key).within("client/cert.pem"));
  if (is_there) { // perhaps a volume, which cannot be renamed
    const Folder folder = TRY(Folder::open(root, name, Trust::shared));
    if (!stays_valid(folder, key, ca)) {
      TRY(folder.remove(kCa)); // until all the others are there
    }
    return fill_client_folder(folder, key, made, ca);
  }
  const std::string draft = name + ".new";
  TRY(sys::remove_tree_at({root, draft})); // of a start that was killed
  const Folder folder = TRY(Folder::open(root, draft, Trust::secret));
  TRY(fill_client_folder(folder, key, made, ca));
  return sys::rename_at({root, draft}, {root, name});
}

Result<bool> has(const Fd& root, const std::string& folder, const std::string& file) {
  if (!TRY(sys::exists_at({root, folder}))) {
    return false;
  }
  const Folder opened = TRY(Folder::open(root, folder, Trust::secret));
  return TRY(opened.read(file, Trust::secret)).has_value();
}

Result<void> check_server_folder(const Fd& root) {
  const Folder folder = TRY(Folder::open(root, "server", Trust::secret));
  const auto certificate = TRY(folder.read(kCertificate, Trust::secret));
  const auto ca = TRY(folder.read(kCa, Trust::secret));
  const auto key = TRY(folder.read(kKey, Trust::secret));
  return check_certificate(*certificate, *ca, *key).within("server/cert.pem");
}

Result<void> make_all(const Fd& root, const TlsRequest& request) {
  const Ca ca = TRY(make_ca_folder(root, request));
  TRY(make_server_folder(root, request, ca));
  return make_client_folder(root, request, ca);
}

Result<void> prepare_in(const Fd& root, const TlsRequest& request) {
  TlsFiles found;
  found.ca_key = TRY(has(root, "ca", kKey));
  found.ca_certificate = TRY(has(root, "ca", kCertificate));
  found.server = TRY(has(root, "server", kCa)) && TRY(has(root, "server", kCertificate)) &&
                 TRY(has(root, "server", kKey));
  switch (judge_tls(found)) {
  case TlsTask::check:
    return check_server_folder(root);
  case TlsTask::make:
    return make_all(root, request);
  case TlsTask::impossible:
    break;
  }
  return input_error("there is ca/cert.pem, but neither its key (ca/key.pem) nor a server's "
                     "files (server/ca.pem, cert.pem, key.pem)");
}

} // namespace

TlsTask judge_tls(const TlsFiles& found) {
  if (found.server && !found.ca_key) {
    return TlsTask::check;
  }
  return found.ca_key || !found.ca_certificate ? TlsTask::make : TlsTask::impossible;
}

Result<void> prepare_tls(const TlsRequest& request) {
  const auto prepare = [&]() -> Result<void> {
    TRY(sys::make_dirs(request.dir, kFolderMode));
    return prepare_in(TRY(sys::open_dir(request.dir)), request);
  };
  return prepare().within("TLS keys in " + request.dir.native());
}

} // namespace dind::daemon
