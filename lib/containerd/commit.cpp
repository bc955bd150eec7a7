#include <containerd/commit.hpp>

#include <containerd/database_file.hpp>
#include <containerd/layout.hpp>
#include <containerd/records.hpp>

#include <algorithm>
#include <initializer_list>
#include <set>

namespace dind::containerd {
namespace {

using bolt::Draft;

Result<Draft*> make_buckets(Draft& root, std::initializer_list<std::string_view> path) {
  Draft* bucket = &root;
  for (const std::string_view key : path) {
    bucket = TRY(bucket->make_bucket(key));
  }
  return bucket;
}

// What is there keeps the time at which it was made.
Result<void> put_times(Draft& record, timespec now) {
  const std::optional<std::string> created = TRY(record.get("createdat"));
  if (!created) {
    TRY(record.put("createdat", encode_time(now)));
  }
  return record.put("updatedat", encode_time(now));
}

Result<std::string> value_of(Draft& record, std::string_view key) {
  std::optional<std::string> value = TRY(record.get(key));
  return value ? Result<std::string>(std::move(*value)) : input_error("has no {}", key);
}

Result<std::uint64_t> id_of(Draft& backend_record) {
  const std::string id = TRY(value_of(backend_record, "id"));
  return decode_id(id).within("id");
}

// Adds snapshots to both databases, in memory.
class SnapshotAdder {
public:
  static Result<SnapshotAdder> of(Draft& meta, Draft& backend) {
    Draft* const records =
        TRY(make_buckets(meta, {kSchema, kNamespace, "snapshots", kSnapshotter}));
    Draft* const snapshots = TRY(make_buckets(backend, {kSchema, "snapshots"}));
    Draft* const parents = TRY(make_buckets(backend, {kSchema, "parents"}));
    return SnapshotAdder(*records, *snapshots, *parents);
  }

  Result<void> add(const NewSnapshot& snapshot, timespec now) {
    Draft* const there = TRY(records_.find_bucket(snapshot.key));
    if (there != nullptr) {
      return input_error("is there already");
    }
    const std::optional<Parent> parent = TRY(find_parent(snapshot));
    TRY(add_to_backend(snapshot, parent, now));
    return add_record(snapshot, now);
  }

private:
  struct Parent {
    std::string backend_key;
    std::uint64_t id = 0;
  };

  SnapshotAdder(Draft& records, Draft& snapshots, Draft& parents)
      : records_(records), snapshots_(snapshots), parents_(parents),
        last_id_(snapshots.sequence()) {}

  Result<Draft*> backend_record(const std::string& backend_key) {
    Draft* const record = TRY(snapshots_.find_bucket(backend_key));
    return record != nullptr ? Result<Draft*>(record)
                             : input_error("{} has no {}", kBackendName, backend_key);
  }

  Result<std::optional<Parent>> find_parent(const NewSnapshot& snapshot) {
    if (!snapshot.parent) {
      return std::optional<Parent>();
    }
    Draft* const record = TRY(records_.find_bucket(*snapshot.parent));
    if (record == nullptr) {
      return input_error("its parent {} is missing", *snapshot.parent);
    }
    const std::string backend_key = TRY(value_of(*record, "name"));
    Draft* const backend = TRY(backend_record(backend_key));
    const std::string kind = TRY(value_of(*backend, "kind"));
    if (kind != kCommitted) {
      return input_error("its parent {} is not committed", *snapshot.parent);
    }
    const std::uint64_t id = TRY(id_of(*backend));
    return std::optional(Parent{backend_key, id});
  }

  // A killed commit may have added it, and perhaps on a parent that has gone since.
  Result<void> add_to_backend(const NewSnapshot& snapshot, const std::optional<Parent>& parent,
                              timespec now) {
    const std::string key = backend_key_of(snapshot.key);
    Draft* const left = TRY(snapshots_.find_bucket(key));
    TRY(left != nullptr ? take_over(*left, snapshot.id) : take_id(snapshot.id));
    Draft& record = *TRY(snapshots_.make_bucket(key));
    TRY(record.put("id", encode_id(snapshot.id)));
    TRY(record.put("kind", kCommitted));
    TRY(record.put("inodes", encode_size(snapshot.inodes)));
    TRY(record.put("size", encode_size(snapshot.size)));
    TRY(put_times(record, now));
    if (!parent) {
      return record.erase("parent");
    }
    TRY(record.put("parent", parent->backend_key));
    return parents_.put(encode_parenthood(parent->id, snapshot.id), key);
  }

  Result<void> take_id(std::uint64_t id) {
    if (id <= last_id_ || !taken_.insert(id).second) {
      return input_error("the id {} is another's", id);
    }
    return snapshots_.set_sequence(std::max(id, snapshots_.sequence()));
  }

  Result<void> take_over(Draft& record, std::uint64_t id) {
    const std::uint64_t found = TRY(id_of(record));
    if (found != id) {
      return input_error("has the id {} already, not {}", found, id);
    }
    const std::optional<std::string> parent = TRY(record.get("parent"));
    if (!parent) {
      return {};
    }
    Draft* const parent_record = TRY(backend_record(*parent));
    const std::uint64_t parent_id = TRY(id_of(*parent_record));
    return parents_.erase(encode_parenthood(parent_id, id));
  }

  Result<void> add_record(const NewSnapshot& snapshot, timespec now) {
    Draft& record = *TRY(records_.make_bucket(snapshot.key));
    TRY(record.put("name", backend_key_of(snapshot.key)));
    TRY(put_times(record, now));
    if (!snapshot.parent) {
      return {};
    }
    TRY(record.put("parent", *snapshot.parent));
    // By this containerd refuses to remove the parent alone.
    Draft* const children = TRY(make_buckets(records_, {*snapshot.parent, "children"}));
    return children->put(snapshot.key, "");
  }

  static constexpr std::string_view kCommitted = "\x03";

  Draft& records_;   // meta.db's
  Draft& snapshots_; // metadata.db's; its sequence counts ids
  Draft& parents_;
  std::uint64_t last_id_; // before this commit
  std::set<std::uint64_t> taken_;
};

Result<void> add_snapshots(Draft& meta, Draft& backend, const Changes& changes, timespec now) {
  if (changes.snapshots.empty()) {
    return {};
  }
  SnapshotAdder adder = TRY(SnapshotAdder::of(meta, backend));
  for (const NewSnapshot& snapshot : changes.snapshots) {
    TRY(adder.add(snapshot, now).within("snapshot " + snapshot.key));
  }
  return {};
}

Result<void> add_labels(Draft& record, const Labels& labels) {
  if (labels.empty()) {
    return {};
  }
  Draft* const bucket = TRY(record.make_bucket("labels"));
  for (const auto& [name, value] : labels) {
    const std::optional<std::string> there = TRY(bucket->get(name));
    if (!there) {
      TRY(bucket->put(name, value));
    }
  }
  return {};
}

Result<void> add_blob(Draft& blobs, const Digest& digest, const Blob& blob, timespec now) {
  Draft* const there = TRY(blobs.find_bucket(digest.text()));
  if (there != nullptr) {
    return add_labels(*there, blob.labels);
  }
  Draft& record = *TRY(blobs.make_bucket(digest.text()));
  TRY(record.put("size", encode_size(blob.size)));
  TRY(put_times(record, now));
  return add_labels(record, blob.labels);
}

Result<void> put_image(Draft& images, const std::string& name, const Image& image, timespec now) {
  Draft& record = *TRY(images.make_bucket(name));
  TRY(put_times(record, now));
  // Its annotations were of the image that it was.
  TRY(record.erase("target"));
  Draft& target = *TRY(record.make_bucket("target"));
  TRY(target.put("digest", image.target));
  TRY(target.put("mediatype", image.media_type));
  return target.put("size", encode_size(image.size));
}

Result<void> change_blobs(Draft& meta, const Changes& changes, timespec now) {
  if (changes.blobs.empty() && changes.removed_blobs.empty()) {
    return {};
  }
  Draft* const blobs = TRY(make_buckets(meta, {kSchema, kNamespace, "content", "blob"}));
  for (const Digest& digest : changes.removed_blobs) {
    TRY(blobs->erase(digest.text()));
  }
  for (const auto& [digest, blob] : changes.blobs) {
    TRY(add_blob(*blobs, digest, blob, now).within(digest.text()));
  }
  return {};
}

Result<void> change_images(Draft& meta, const Changes& changes, timespec now) {
  if (changes.images.empty() && changes.removed_images.empty()) {
    return {};
  }
  Draft* const images = TRY(make_buckets(meta, {kSchema, kNamespace, "images"}));
  for (const std::string& name : changes.removed_images) {
    TRY(images->erase(name));
  }
  for (const auto& [name, image] : changes.images) {
    TRY(put_image(*images, name, image, now).within(name));
  }
  return {};
}

// Of a database without a schema it becomes ours: that is a new one.
Result<void> check_schema(Draft& meta) {
  Draft* const there = TRY(meta.find_bucket(kSchema));
  if (there == nullptr) {
    Draft* const made = TRY(meta.make_bucket(kSchema));
    return made->put(kVersionKey, encode_size(kNewVersion));
  }
  const std::optional<std::string> version = TRY(there->get(kVersionKey));
  return check_version(version);
}

bool is_empty(const Changes& changes) {
  return changes.snapshots.empty() && changes.blobs.empty() && changes.images.empty() &&
         changes.removed_images.empty() && changes.removed_blobs.empty();
}

} // namespace

Result<std::uint64_t> commit(const Fd& data_root, const Changes& changes, timespec now) {
  if (is_empty(changes)) {
    return std::uint64_t{0};
  }
  DatabaseEdit meta = TRY(DatabaseEdit::begin(data_root, kMetaFile));
  DatabaseEdit backend = TRY(DatabaseEdit::begin(data_root, kBackendFile));
  const auto change = [&]() -> Result<void> {
    TRY(check_schema(meta.root()));
    TRY(add_snapshots(meta.root(), backend.root(), changes, now));
    TRY(change_blobs(meta.root(), changes, now));
    return change_images(meta.root(), changes, now);
  };
  TRY(change().within(kMetaName));
  const std::uint64_t first = TRY(backend.commit(data_root));
  const std::uint64_t second = TRY(meta.commit(data_root));
  return first + second;
}

} // namespace dind::containerd
