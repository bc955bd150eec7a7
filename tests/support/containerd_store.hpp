#pragma once

#include <support/temp_dir.hpp>
#include <bolt/transaction.hpp>
#include <containerd/layout.hpp>
#include <containerd/records.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

namespace dind::test {

// A data root whose databases are put together key by key.
class ContainerdStore {
public:
  ContainerdStore() {
    put_meta({containerd::kSchema}, containerd::kVersionKey,
             containerd::encode_size(containerd::kNewVersion));
  }

  using Path = std::initializer_list<std::string_view>;
  void put_meta(Path path, std::string_view key, std::string_view value) {
    put(meta_, path, key, value);
  }
  void put_backend(Path path, std::string_view key, std::string_view value) {
    put(backend_, path, key, value);
  }
  void set_sequence(std::uint64_t sequence) {
    std::ignore = bucket(backend_, {containerd::kSchema, "snapshots"}).set_sequence(sequence);
  }

  // A snapshot as containerd records one of dockerd's.
  void add_snapshot(const std::string& key, std::uint64_t id, const std::string& parent = "",
                    std::uint64_t parent_id = 0) {
    const std::string name = backend_name(key, id);
    put_meta(
        {containerd::kSchema, containerd::kNamespace, "snapshots", containerd::kSnapshotter, key},
        "name", name);
    put_backend({containerd::kSchema, "snapshots", name}, "id", containerd::encode_id(id));
    put_backend({containerd::kSchema, "snapshots", name}, "kind", "\x03");
    put_backend({containerd::kSchema, "snapshots", name}, "theirs", "kept");
    if (!parent.empty()) {
      put_meta(
          {containerd::kSchema, containerd::kNamespace, "snapshots", containerd::kSnapshotter, key},
          "parent", parent);
      put_meta({containerd::kSchema, containerd::kNamespace, "snapshots", containerd::kSnapshotter,
                parent, "children"},
               key, "");
      put_backend({containerd::kSchema, "snapshots", name}, "parent",
                  backend_name(parent, parent_id));
      put_backend({containerd::kSchema, "parents"}, containerd::encode_parenthood(parent_id, id),
                  name);
    }
    set_sequence(std::max(id, bucket(backend_, {containerd::kSchema, "snapshots"}).sequence()));
  }
  static std::string backend_name(const std::string& key, std::uint64_t id) {
    return fmt::format("moby/{}/{}", id, key);
  }

  void write(const TempDir& data_root) {
    data_root.write(meta_path(), bolt::make_database(meta_));
    data_root.write(backend_path(), bolt::make_database(backend_));
  }
  static std::string meta_path() {
    return path_of(containerd::kMetadataDir, containerd::kMetaName);
  }
  static std::string backend_path() {
    return path_of(containerd::kSnapshotterDir, containerd::kBackendName);
  }
  static std::string path_of(std::string_view dir, std::string_view name) {
    return std::string(dir).append("/").append(name);
  }

private:
  static bolt::Draft& bucket(bolt::Draft& root, Path path) {
    bolt::Draft* bucket = &root;
    for (const std::string_view key : path) {
      bucket = bucket->make_bucket(key).value();
    }
    return *bucket;
  }
  static void put(bolt::Draft& root, Path path, std::string_view key, std::string_view value) {
    std::ignore = bucket(root, path).put(key, value);
  }

  bolt::Draft meta_;
  bolt::Draft backend_;
};

} // namespace dind::test
