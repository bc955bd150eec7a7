#include <blobs/blob_server.hpp>

#include <base/log.hpp>
#include <sys/confinement.hpp>
#include <sys/file.hpp>
#include <sys/workers.hpp>
#include <blobs/carried_blob.hpp>
#include <blobs/layer_blob.hpp>

#define FUSE_USE_VERSION 35
#include <fuse3/fuse_lowlevel.h>

#include <malloc.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <utility>
#include <variant>

namespace dind::blobs {
namespace {

constexpr std::size_t kThreads = 4;
constexpr double kForever = 1e9; // seconds
constexpr fuse_ino_t kFirstFile = FUSE_ROOT_ID + 1;
constexpr mode_t kDirMode = S_IFDIR | 0500; // layers have files that are not for every user
constexpr mode_t kFileMode = S_IFREG | 0444;
constexpr blksize_t kBlockSize = 4096;
constexpr std::uint64_t kSector = 512;

// What an open file is.
struct OpenBlob {
  std::string name;
  // Nothing: its bytes cannot be had.
  std::variant<std::monostate, std::unique_ptr<LayerBlob>, CarriedBlob> content;
  std::atomic_flag told = ATOMIC_FLAG_INIT; // that it cannot be read
};

Result<std::size_t> read(OpenBlob& blob, std::uint64_t offset, std::span<std::byte> into) {
  if (auto* const layer = std::get_if<std::unique_ptr<LayerBlob>>(&blob.content)) {
    return (*layer)->read(offset, into);
  }
  if (auto* const carried = std::get_if<CarriedBlob>(&blob.content)) {
    return carried->read(offset, into);
  }
  return input_error(
      "no cache carries this compressed layer, so an image cannot be saved or pushed "
      "by the digest of its registry; `dindctl bake --blobs` carries them");
}

OpenBlob& open_blob(const fuse_file_info& info) {
  return *std::bit_cast<OpenBlob*>(info.fh);
}

// The directory of blobs. File `i` has the number kFirstFile + i.
class BlobDir {
public:
  explicit BlobDir(std::vector<BlobSource> sources);

  std::size_t size() const { return sources_.size(); }
  const std::string& name(std::size_t at) const { return sources_[at].digest.hex(); }
  std::optional<fuse_ino_t> find(std::string_view name) const;
  std::optional<struct stat> attributes(fuse_ino_t number) const;
  Result<std::unique_ptr<OpenBlob>> open(fuse_ino_t number) const;

private:
  const BlobSource* source_of(fuse_ino_t number) const;

  std::vector<BlobSource> sources_; // by name, each once
  std::map<std::string, Result<Fd>> caches_;
};

// What the requests of a session are about.
struct Session {
  BlobDir dir;
  std::atomic<bool> has_begun = false; // the kernel asks for nothing else before
};

BlobDir::BlobDir(std::vector<BlobSource> sources) : sources_(std::move(sources)) {
  const auto before = [](const BlobSource& a, const BlobSource& b) {
    return a.digest.hex() < b.digest.hex();
  };
  const auto same = [](const BlobSource& a, const BlobSource& b) { return a.digest == b.digest; };
  std::stable_sort(sources_.begin(), sources_.end(), before);
  sources_.erase(std::unique(sources_.begin(), sources_.end(), same), sources_.end());
  for (const BlobSource& source : sources_) {
    if (!caches_.contains(source.cache)) {
      caches_.emplace(source.cache, sys::open_dir(source.cache));
    }
  }
}

std::optional<fuse_ino_t> BlobDir::find(std::string_view name) const {
  const auto found = std::lower_bound(
      sources_.begin(), sources_.end(), name,
      [](const BlobSource& source, std::string_view hex) { return source.digest.hex() < hex; });
  if (found == sources_.end() || found->digest.hex() != name) {
    return std::nullopt;
  }
  return kFirstFile + static_cast<fuse_ino_t>(found - sources_.begin());
}

const BlobSource* BlobDir::source_of(fuse_ino_t number) const {
  const bool is_file = number >= kFirstFile && number - kFirstFile < sources_.size();
  return is_file ? &sources_[number - kFirstFile] : nullptr;
}

std::optional<struct stat> BlobDir::attributes(fuse_ino_t number) const {
  struct stat found {};
  found.st_ino = number;
  found.st_nlink = 1;
  found.st_blksize = kBlockSize;
  if (number == FUSE_ROOT_ID) {
    found.st_mode = kDirMode;
    return found;
  }
  const BlobSource* const source = source_of(number);
  if (!source) {
    return std::nullopt;
  }
  found.st_mode = kFileMode;
  found.st_size = static_cast<off_t>(source->bytes);
  found.st_blocks =
      static_cast<blkcnt_t>(source->bytes / kSector + (source->bytes % kSector != 0 ? 1 : 0));
  return found;
}

Result<std::unique_ptr<OpenBlob>> BlobDir::open(fuse_ino_t number) const {
  const BlobSource* const source = source_of(number);
  if (!source) {
    return Error(fmt::format("open file {}", number), ENOENT);
  }
  const Result<Fd>& cache = caches_.at(source->cache);
  if (!cache) {
    return cache.error();
  }
  auto blob = std::make_unique<OpenBlob>();
  blob->name = source->digest.hex();
  switch (source->form) {
  case BlobSource::Form::tar:
    blob->content =
        TRY(LayerBlob::open(*cache, source->digest, source->bytes).within(source->cache));
    break;
  case BlobSource::Form::carried:
    blob->content =
        TRY(CarriedBlob::open(*cache, source->digest, source->bytes).within(source->cache));
    break;
  case BlobSource::Form::left_out:
    break;
  }
  return blob;
}

const BlobDir& dir_of(fuse_req_t request) {
  return static_cast<const Session*>(::fuse_req_userdata(request))->dir;
}

// Requests are small, so that pipes would only cost descriptors.
void begin(void* session, fuse_conn_info* connection) {
  connection->want &=
      ~static_cast<unsigned>(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
  static_cast<Session*>(session)->has_begun = true;
}

void look_up(fuse_req_t request, fuse_ino_t /*parent*/, const char* name) {
  const BlobDir& dir = dir_of(request);
  const auto number = dir.find(name);
  if (!number) {
    ::fuse_reply_err(request, ENOENT);
    return;
  }
  fuse_entry_param entry{};
  entry.ino = *number;
  entry.attr = *dir.attributes(*number);
  entry.attr_timeout = kForever;
  entry.entry_timeout = kForever;
  ::fuse_reply_entry(request, &entry);
}

void get_attributes(fuse_req_t request, fuse_ino_t number, fuse_file_info* /*info*/) {
  const auto found = dir_of(request).attributes(number);
  if (found) {
    ::fuse_reply_attr(request, &*found, kForever);
  } else {
    ::fuse_reply_err(request, ENOENT);
  }
}

void open_file(fuse_req_t request, fuse_ino_t number, fuse_file_info* info) {
  auto blob = dir_of(request).open(number);
  if (!blob) {
    log::warn("a layer's blob cannot be opened: {}", blob.error().describe());
    ::fuse_reply_err(request, EIO);
    return;
  }
  info->fh = std::bit_cast<std::uint64_t>(blob->get());
  info->keep_cache = 1;
  info->noflush = 1;
  if (::fuse_reply_open(request, info) == 0) {
    std::ignore = std::move(blob).value().release(); // until `close_file`
  }
}

void read_file(fuse_req_t request, fuse_ino_t /*number*/, std::size_t size, off_t offset,
               fuse_file_info* info) {
  OpenBlob& blob = open_blob(*info);
  const auto bytes = std::make_unique_for_overwrite<std::byte[]>(size);
  const auto got = read(blob, static_cast<std::uint64_t>(offset), std::span(bytes.get(), size));
  if (got) {
    ::fuse_reply_buf(request, reinterpret_cast<const char*>(bytes.get()), *got);
    return;
  }
  if (!blob.told.test_and_set()) {
    log::warn("the blob {} cannot be read: {}", blob.name, got.error().describe());
  }
  ::fuse_reply_err(request, EIO);
}

void close_file(fuse_req_t request, fuse_ino_t /*number*/, fuse_file_info* info) {
  std::unique_ptr<OpenBlob>(&open_blob(*info)).reset();
  ::fuse_reply_err(request, 0);
  ::malloc_trim(0); // this process may now sleep for months
}

// An entry's offset is that of the next one: ".", "..", then the files.
void read_dir(fuse_req_t request, fuse_ino_t /*number*/, std::size_t size, off_t offset,
              fuse_file_info* /*info*/) {
  const BlobDir& dir = dir_of(request);
  const auto text = std::make_unique_for_overwrite<char[]>(size);
  std::size_t used = 0;
  for (auto at = static_cast<std::size_t>(offset); at < dir.size() + 2; ++at) {
    const fuse_ino_t number = at < 2 ? FUSE_ROOT_ID : kFirstFile + at - 2;
    const char* const name = at == 0 ? "." : at == 1 ? ".." : dir.name(at - 2).c_str();
    const struct stat found = *dir.attributes(number);
    const std::size_t more = ::fuse_add_direntry(request, text.get() + used, size - used, name,
                                                 &found, static_cast<off_t>(at + 1));
    if (more > size - used) {
      break;
    }
    used += more;
  }
  ::fuse_reply_buf(request, text.get(), used);
}

// Takes requests, with a buffer of its own.
class RequestLoop {
public:
  explicit RequestLoop(fuse_session* session) : session_(session) {}
  RequestLoop(const RequestLoop&) = delete;
  RequestLoop& operator=(const RequestLoop&) = delete;
  ~RequestLoop() { std::free(buffer_.mem); } // libfuse allocates it

  // False at the end.
  bool take_one() {
    const int got = ::fuse_session_receive_buf(session_, &buffer_);
    if (got > 0) {
      ::fuse_session_process_buf(session_, &buffer_);
    }
    return (got > 0 || got == -EINTR) && ::fuse_session_exited(session_) == 0;
  }

private:
  fuse_session* session_;
  fuse_buf buffer_{};
};

using FuseSession = std::unique_ptr<fuse_session, decltype(&::fuse_session_destroy)>;

FuseSession new_session(Session& session) {
  fuse_lowlevel_ops operations{};
  operations.init = begin;
  operations.lookup = look_up;
  operations.getattr = get_attributes;
  operations.open = open_file;
  operations.read = read_file;
  operations.release = close_file;
  operations.readdir = read_dir;
  std::string name = "dind-init";
  std::array<char*, 2> argv = {name.data(), nullptr};
  fuse_args arguments = FUSE_ARGS_INIT(1, argv.data());
  return {::fuse_session_new(&arguments, &operations, sizeof operations, &session),
          &::fuse_session_destroy};
}

// The first request settles how large the buffers are.
void run(fuse_session* fuse, const Session& session) {
  RequestLoop first(fuse);
  while (!session.has_begun) {
    if (!first.take_one()) {
      return;
    }
  }
  sys::run_on_workers(kThreads, [fuse]() {
    RequestLoop requests(fuse);
    while (requests.take_one()) {
    }
  });
}

} // namespace

Result<void> serve_blobs(Fd device, std::vector<BlobSource> sources) {
  Session session{BlobDir(std::move(sources))};
  TRY(sys::confine_to_reading());
  const FuseSession fuse = new_session(session);
  if (!fuse) {
    return input_error("libfuse makes no session");
  }
  // libfuse's name for a descriptor that is mounted already. It closes it.
  const std::string mounted = fmt::format("/dev/fd/{}", device.release());
  if (::fuse_session_mount(fuse.get(), mounted.c_str()) != 0) {
    return input_error("libfuse does not take {}", mounted);
  }
  run(fuse.get(), session);
  return {};
}

} // namespace dind::blobs
