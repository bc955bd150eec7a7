#include <containerd/state.hpp>

#include <bolt/bucket.hpp>
#include <containerd/database_file.hpp>
#include <containerd/layout.hpp>
#include <containerd/records.hpp>

#include <errno.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <thread>
#include <utility>

namespace dind::containerd {
namespace {

using bolt::Bucket;
using bolt::Item;
using bolt::ItemKind;

// To read them takes some tens of milliseconds, a commit of containerd's about one.
constexpr unsigned kTriesBesideEngine = 50;
constexpr std::chrono::milliseconds kPauseBesideEngine{100};

// Of both databases, in memory, which is a third of what is made of it. 2,000 layers of 200 images
// come to 5 MiB, and some 22,000 snapshots are possible.
constexpr std::size_t kMostKept = 18U << 20U;
constexpr std::size_t kOfAnEntry = 160; // beside its texts

constexpr std::uint64_t kLastId = UINT64_MAX / 2;

// How much of a store may yet be kept: pages that several buckets share make much of a small file.
class Room {
public:
  Result<void> take(std::initializer_list<std::size_t> texts) {
    std::size_t wanted = kOfAnEntry;
    for (const std::size_t size : texts) {
      wanted += size;
    }
    if (wanted > left_) {
      return input_error("more than a store holds: what it names takes over {} bytes", kMostKept);
    }
    left_ -= wanted;
    return {};
  }

private:
  std::size_t left_ = kMostKept;
};

// What metadata.db says of a snapshot.
struct BackendSnapshot {
  std::uint64_t id = 0;
  SnapshotKind kind = SnapshotKind::committed;
  std::optional<std::string> parent; // a key of metadata.db
};

struct Backend {
  std::map<std::string, BackendSnapshot> snapshots;
  std::uint64_t sequence = 0;
};

Result<std::optional<Bucket>> bucket_at(Bucket from, std::initializer_list<std::string_view> path) {
  for (const std::string_view key : path) {
    std::optional<Bucket> next = TRY(from.bucket(key));
    if (!next) {
      return next;
    }
    from = std::move(*next);
  }
  return std::optional(std::move(from));
}

// Each bucket in the bucket at `path`; none where that is missing.
Result<void>
each_bucket(const Bucket& from, std::initializer_list<std::string_view> path,
            const std::function<Result<void>(const std::string&, const Bucket&)>& visit) {
  const std::optional<Bucket> found = TRY(bucket_at(from, path));
  if (!found) {
    return {};
  }
  return found->each([&](const Item& item) -> Result<void> {
    if (item.kind == ItemKind::value) {
      return {};
    }
    const std::string key(item.key);
    const Bucket bucket = TRY(found->child(item));
    return visit(key, bucket).within(key);
  });
}

Result<std::string> required(const Bucket& bucket, std::string_view key) {
  std::optional<std::string> value = TRY(bucket.get(key));
  return value ? Result<std::string>(std::move(*value)) : input_error("has no {}", key);
}

Result<SnapshotKind> kind_of(const Bucket& bucket) {
  const std::string kind = TRY(required(bucket, "kind"));
  if (kind.size() != 1 || kind[0] < 1 || kind[0] > 3) {
    return input_error("of an unknown kind");
  }
  return static_cast<SnapshotKind>(kind[0]);
}

Result<BackendSnapshot> read_backend_snapshot(const Bucket& bucket) {
  const std::string id = TRY(required(bucket, "id"));
  return BackendSnapshot{.id = TRY(decode_id(id).within("id")),
                         .kind = TRY(kind_of(bucket)),
                         .parent = TRY(bucket.get("parent"))};
}

// Each directory is one snapshot's, and none is in the way of the ids to come: behind the last
// number they would begin anew, at directories of others.
Result<void> check_backend(const Backend& backend) {
  if (backend.sequence > kLastId) {
    return input_error("its sequence is {}", backend.sequence);
  }
  std::map<std::uint64_t, std::string_view> owners;
  for (const auto& [key, snapshot] : backend.snapshots) {
    const auto [owner, added] = owners.try_emplace(snapshot.id, key);
    if (!added) {
      return input_error("{} and {} both have the id {}", owner->second, key, snapshot.id);
    }
    if (snapshot.id > backend.sequence) {
      return input_error("{}: its id {} is above the sequence {}", key, snapshot.id,
                         backend.sequence);
    }
    if (snapshot.parent && !backend.snapshots.contains(*snapshot.parent)) {
      return input_error("{}: its parent {} is missing", key, *snapshot.parent);
    }
  }
  return {};
}

Result<Backend> read_backend(const Bucket& root, Room& room) {
  Backend backend;
  const std::optional<Bucket> snapshots = TRY(bucket_at(root, {kSchema, "snapshots"}));
  backend.sequence = snapshots ? snapshots->sequence() : 0;
  const auto add = [&](const std::string& key, const Bucket& bucket) -> Result<void> {
    BackendSnapshot snapshot = TRY(read_backend_snapshot(bucket));
    TRY(room.take({key.size(), snapshot.parent.value_or("").size(), kOfAnEntry}));
    backend.snapshots.emplace(key, std::move(snapshot));
    return {};
  };
  TRY(each_bucket(root, {kSchema, "snapshots"}, add));
  TRY(check_backend(backend));
  return backend;
}

// meta.db's record of a snapshot; what the backend knows of it is added later.
Result<Snapshot> read_snapshot(const Bucket& bucket) {
  Snapshot snapshot;
  snapshot.backend_key = TRY(required(bucket, "name"));
  snapshot.parent = TRY(bucket.get("parent"));
  return snapshot;
}

Result<Labels> read_labels(const Bucket& bucket, Room& room) {
  Labels labels;
  const auto add = [&](const Item& item) -> Result<void> {
    if (item.key.starts_with("containerd.io/")) {
      TRY(room.take({item.key.size(), item.value.size()}));
      labels.emplace(item.key, item.value);
    }
    return {};
  };
  const std::optional<Bucket> found = TRY(bucket.bucket("labels"));
  if (found) {
    TRY(found->each(add));
  }
  return labels;
}

Result<Blob> read_blob(const Bucket& bucket, Room& room) {
  const std::string size = TRY(required(bucket, "size"));
  return Blob{.size = TRY(decode_size(size).within("size")),
              .labels = TRY(read_labels(bucket, room))};
}

Result<Image> read_image(const Bucket& bucket) {
  const std::optional<Bucket> target = TRY(bucket.bucket("target"));
  if (!target) {
    return input_error("has no target");
  }
  const std::string size = TRY(required(*target, "size"));
  return Image{.target = TRY(required(*target, "digest")),
               .media_type = TRY(target->get("mediatype")).value_or(""),
               .size = TRY(decode_size(size).within("size"))};
}

Result<void> read_blobs(const Bucket& root, State& state, Room& room) {
  return each_bucket(root, {kSchema, kNamespace, "content", "blob"},
                     [&](const std::string& key, const Bucket& bucket) -> Result<void> {
                       // Another algorithm's is no blob that seeding could share.
                       if (const auto digest = Digest::parse(key)) {
                         TRY(room.take({key.size()}));
                         state.blobs.emplace(*digest, TRY(read_blob(bucket, room)));
                       }
                       return {};
                     });
}

Result<void> read_images(const Bucket& root, State& state, Room& room) {
  return each_bucket(root, {kSchema, kNamespace, "images"},
                     [&](const std::string& name, const Bucket& bucket) -> Result<void> {
                       Image image = TRY(read_image(bucket));
                       TRY(room.take({name.size(), image.target.size(), image.media_type.size()}));
                       state.images.emplace(name, std::move(image));
                       return {};
                     });
}

Result<void> read_snapshots(const Bucket& root, State& state, Room& room) {
  const auto look_at = [&](const std::string& name, const Bucket& snapshotter) {
    return snapshotter.each([&](const Item& item) -> Result<void> {
      if (name != kSnapshotter && item.kind == ItemKind::bucket) {
        state.other_snapshotters.insert(name);
      }
      return {};
    });
  };
  const auto add = [&](const std::string& key, const Bucket& bucket) -> Result<void> {
    Snapshot snapshot = TRY(read_snapshot(bucket));
    TRY(room.take({key.size(), snapshot.backend_key.size(), snapshot.parent.value_or("").size()}));
    state.snapshots.emplace(key, std::move(snapshot));
    return {};
  };
  TRY(each_bucket(root, {kSchema, kNamespace, "snapshots"}, look_at));
  return each_bucket(root, {kSchema, kNamespace, "snapshots", kSnapshotter}, add);
}

Result<void> read_meta(const Bucket& root, State& state, Room& room) {
  const std::optional<Bucket> schema = TRY(root.bucket(kSchema));
  if (!schema) {
    return {}; // made by a containerd that was killed at its first start
  }
  const std::optional<std::string> version = TRY(schema->get(kVersionKey));
  TRY(check_version(version));
  TRY(read_blobs(root, state, room).within("blobs"));
  TRY(read_images(root, state, room).within("images"));
  TRY(read_snapshots(root, state, room).within("snapshots"));
  return each_bucket(root, {kSchema, kNamespace, "leases"},
                     [&state](const std::string&, const Bucket&) -> Result<void> {
                       ++state.leases;
                       return {};
                     });
}

// Gives each snapshot that meta.db names its id, and holds the one database against the other.
Result<void> join(State& state, const Backend& backend) {
  for (auto& [key, snapshot] : state.snapshots) {
    const auto found = backend.snapshots.find(snapshot.backend_key);
    if (found == backend.snapshots.end()) {
      return input_error("{}: {} has no {}", key, kBackendName, snapshot.backend_key);
    }
    snapshot.id = found->second.id;
    snapshot.kind = found->second.kind;
    std::optional<std::string> parent_there;
    if (snapshot.parent) {
      const auto parent = state.snapshots.find(*snapshot.parent);
      if (parent == state.snapshots.end()) {
        return input_error("{}: its parent {} is missing", key, *snapshot.parent);
      }
      parent_there = parent->second.backend_key;
    }
    if (parent_there != found->second.parent) {
      return input_error("{}: {} has another parent for it", key, kBackendName);
    }
  }
  return {};
}

std::map<std::string, std::uint64_t> unnamed_of(const State& state, const Backend& backend) {
  std::map<std::string, std::uint64_t> unnamed;
  for (const auto& [key, snapshot] : backend.snapshots) {
    if (key.starts_with(kOurPrefix) && !state.snapshots.contains(key.substr(kOurPrefix.size()))) {
      unnamed.emplace(key.substr(kOurPrefix.size()), snapshot.id);
    }
  }
  return unnamed;
}

struct Databases { // null where there is none
  std::shared_ptr<bolt::Database> meta;
  std::shared_ptr<bolt::Database> backend;
};

Result<Databases> open_databases(const Fd& data_root, bolt::Database::Access access) {
  Databases databases;
  databases.meta = TRY(open_database(data_root, kMetaFile, access));
  databases.backend = TRY(open_database(data_root, kBackendFile, access));
  return databases;
}

Result<bool> are_current(const Databases& databases) {
  const bool meta = !databases.meta || TRY(databases.meta->is_current());
  const bool backend = !databases.backend || TRY(databases.backend->is_current());
  return meta && backend;
}

Result<State> read_databases(const Databases& databases) {
  State state;
  Room room;
  if (databases.meta) {
    TRY(read_meta(Bucket::root_of(databases.meta), state, room).within(kMetaName));
  }
  Backend backend;
  if (databases.backend) {
    backend = TRY(read_backend(Bucket::root_of(databases.backend), room).within(kBackendName));
  }
  state.sequence = backend.sequence;
  TRY(join(state, backend).within(kMetaName));
  state.unnamed = unnamed_of(state, backend);
  return state;
}

} // namespace

bool Snapshot::is_ours() const {
  return backend_key.starts_with(kOurPrefix);
}

std::uint64_t State::claim_id(const std::string& key) {
  const auto found = unnamed.find(key);
  return found == unnamed.end() ? ++sequence : found->second;
}

Result<State> read_state(const Fd& data_root) {
  // Both locks are taken before either is read.
  const Databases databases = TRY(open_databases(data_root, bolt::Database::Access::read));
  return read_databases(databases);
}

Result<State> read_state_beside_engine(const Fd& data_root) {
  for (unsigned tries = 0; tries < kTriesBesideEngine; ++tries) {
    const Databases databases = TRY(open_databases(data_root, bolt::Database::Access::beside));
    auto state = read_databases(databases);
    const bool is_of_one_moment = TRY(are_current(databases));
    if (is_of_one_moment) {
      return state;
    }
    std::this_thread::sleep_for(kPauseBesideEngine);
  }
  return Error("read databases that do not stay the same", EBUSY);
}
} // namespace dind::containerd
