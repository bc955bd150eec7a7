#include <store/graph_metadata.hpp>

#include <base/json.hpp>
#include <cache/reference.hpp>
#include <store/layout.hpp>
#include <store/tree.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <algorithm>
#include <tuple>

namespace dind::store {
namespace {

constexpr std::size_t kRepositoriesLimit = 16U << 20U; // of 10,000 images it has a quarter
constexpr std::size_t kSourcesLimit = 1U << 20U;
constexpr std::size_t kMaxSources = 50; // moby distribution/metadata/v2_metadata_service.go

// "alpine" of "alpine:3.20" and of "alpine@sha256:...": the key repositories.json groups by.
std::string repository_of(const std::string& name) {
  const auto reference = cache::parse_reference(name);
  return reference ? reference->familiar_name() : name.substr(0, name.find_first_of("@"));
}

Result<json::object> read_repositories(const Fd& image_dir) {
  const std::string name = kRepositoriesName;
  const auto text = sys::read_file_at({image_dir, name}, kRepositoriesLimit);
  if (!text && text.error().is(std::errc::no_such_file_or_directory)) {
    return json::object();
  }
  if (!text) {
    return text.error();
  }
  json::value document = TRY(json::parse(*text).within(kRepositoriesName));
  if (json::object* members = document.if_object()) {
    return std::move(*members);
  }
  return input_error("{} is not a JSON object", kRepositoriesName);
}

// The object under `key`, made if there is none.
Result<json::object*> object_in(json::object& parent, std::string_view key) {
  json::value& slot = parent[key];
  if (slot.is_null()) {
    slot = json::object();
  }
  if (json::object* members = slot.if_object()) {
    return members;
  }
  return input_error("\"{}\" of {} is not an object", key, kRepositoriesName);
}

Result<void> write_repositories(const Fd& image_dir, const json::object& document) {
  const std::string name = kRepositoriesName;
  return sys::replace_file_at({image_dir, name}, json::print(document, json::Style::compact), 0600,
                              sys::Durable::yes);
}

// Whether a name that now is `current` may become `id`: if it is new, or still what
// seeding made it. What the user moved stays.
bool may_set(const json::value* current, const Digest& id, const std::set<Digest>& given) {
  const auto* text = current ? current->if_string() : nullptr;
  const auto now = Digest::parse(text ? std::string_view(*text) : "");
  return !current || (now && *now != id && given.contains(*now));
}

std::string source_metadata(const cache::Layer& layer) {
  json::array sources;
  for (const cache::Blob& blob : layer.blobs) {
    for (const std::string& repository : blob.repositories) {
      if (sources.size() == kMaxSources) {
        break;
      }
      json::object source;
      source["Digest"] = blob.digest.text();
      source["SourceRepository"] = repository;
      source["HMAC"] = "";
      sources.push_back(std::move(source));
    }
  }
  return sources.empty() ? "" : json::print(sources, json::Style::compact);
}

// What is there already need not be written, and a full volume keeps it.
Result<void> put(sys::At at, std::string_view content, mode_t mode) {
  const auto there = sys::read_file_at(at, content.size());
  return there && *there == content ? Result<void>()
                                    : sys::replace_file_at(at, content, mode, sys::Durable::no);
}

// The same of an image's own files, in whose place no engine makes a directory.
Result<void> put_anew(sys::At at, std::string_view content, mode_t mode) {
  auto done = put(at, content, mode);
  if (!done && done.error().is(std::errc::is_a_directory)) {
    TRY(sys::remove_tree_at(at));
    return put(at, content, mode);
  }
  return done;
}

Result<void> fill_record(const Fd& dir, const LayerRecord& record) {
  const auto put = [&](const std::string& file, const std::string& content) {
    return sys::create_file_at({dir, file}, content, 0644);
  };
  TRY(put("diff", record.diff_id.text()));
  TRY(put("size", std::to_string(record.size)));
  TRY(put("cache-id", record.cache_id));
  if (record.parent) {
    TRY(put("parent", record.parent->text()));
  }
  const std::string tar_split = kTarSplitName;
  if (!record.tar_split_file) {
    return sys::symlink_at(record.tar_split_path, {dir, tar_split});
  }
  const Fd copy = TRY(sys::open_at({dir, tar_split}, O_WRONLY | O_CREAT | O_EXCL, 0644));
  return sys::copy_all(*record.tar_split_file, copy).within(tar_split);
}

} // namespace

Result<std::map<std::string, Digest>> read_references(const Fd& data_root,
                                                      const std::string& driver) {
  std::map<std::string, Digest> references;
  const auto dir = sys::open_beneath(data_root, image_dir(driver), O_RDONLY | O_DIRECTORY);
  if (!dir) {
    return dir.error().is(std::errc::no_such_file_or_directory)
               ? Result<std::map<std::string, Digest>>(std::move(references))
               : dir.error();
  }
  json::object document = TRY(read_repositories(*dir));
  const json::object* repositories = TRY(object_in(document, "Repositories"));
  for (const auto& [repository, names] : *repositories) {
    const json::object* entries = names.if_object();
    for (auto entry = entries ? entries->begin() : json::object::const_iterator();
         entries && entry != entries->end(); ++entry) {
      const auto* text = entry->value().if_string();
      if (const auto id = Digest::parse(text ? std::string_view(*text) : "")) {
        references.emplace(std::string(entry->key()), *id);
      }
    }
  }
  return references;
}

Result<GraphMetadata> GraphMetadata::open(const Fd& data_root, const std::string& driver) {
  GraphMetadata metadata;
  metadata.root_ = TRY(sys::open_beneath(data_root, ".", O_RDONLY | O_DIRECTORY));
  metadata.staging_ = TRY(ensure_dirs(data_root, kStagingDir, 0700));
  metadata.image_ = TRY(ensure_dirs(data_root, image_dir(driver), 0700));
  metadata.layerdb_ = TRY(ensure_dirs(data_root, layerdb_dir(driver), 0700));
  metadata.configs_ = TRY(ensure_dirs(data_root, image_config_dir(driver), 0700));
  metadata.metadata_ = TRY(ensure_dirs(data_root, image_metadata_dir(driver), 0700));
  metadata.diff_id_by_digest_ = TRY(ensure_dirs(data_root, diff_id_by_digest_dir(driver), 0700));
  metadata.metadata_by_diff_id_ =
      TRY(ensure_dirs(data_root, metadata_by_diff_id_dir(driver), 0700));
  return metadata;
}

Result<void> GraphMetadata::add_layer(const LayerRecord& record) {
  const std::string name = record.chain_id.hex();
  const sys::At staged{staging_, name};
  const auto add = [&]() -> Result<void> {
    TRY(make_fresh_dir(staged, 0700));
    const Fd dir = TRY(sys::open_dir_at(staged));
    TRY(fill_record(dir, record));
    // There may be one, of a layer that could not be reached.
    return move_into_place(staged, {layerdb_, name});
  };
  auto added = add();
  if (!added) {
    std::ignore = sys::remove_tree_at(staged); // on ENOSPC it has what filled the volume
  }
  return added;
}

Result<void> GraphMetadata::add_distribution(const cache::Layer& layer) {
  for (const cache::Blob& blob : layer.blobs) {
    TRY(put({diff_id_by_digest_, blob.digest.hex()}, layer.diff_id.text(), 0644));
  }
  const std::string sources = source_metadata(layer);
  const sys::At at{metadata_by_diff_id_, layer.diff_id.hex()};
  // The engine's own knowledge is at least as good, if no power cut took it.
  const auto there = sys::read_file_at(at, kSourcesLimit);
  const bool known = there && there->starts_with('[');
  return sources.empty() || known ? Result<void>()
                                  : sys::replace_file_at(at, sources, 0644, sys::Durable::no);
}

Result<void> GraphMetadata::add_image(const cache::Image& image, const cache::Cache& cache,
                                      const std::optional<Digest>& parent) {
  const std::string config = TRY(cache.read_config(image.id));
  const std::string name = image.id.hex();
  TRY(sys::ensure_dir_at({metadata_, name}, 0700));
  const Fd dir = TRY(sys::open_dir_at({metadata_, name}));
  // Without it the classic builder of 26 and later does not take the image for
  // its cache (moby image/store.go, SetBuiltLocally).
  const std::string built_locally = "builtLocally";
  TRY(put_anew({dir, built_locally}, "\x01", 0600));
  if (parent) {
    const std::string file = "parent";
    TRY(put_anew({dir, file}, parent->text(), 0600));
  }
  return put_anew({configs_, name}, config, 0600);
}

Result<std::size_t>
GraphMetadata::add_references(const std::map<std::string, Digest>& references,
                              const std::map<std::string, std::set<Digest>>& given) {
  json::object document = TRY(read_repositories(image_));
  json::object* repositories = TRY(object_in(document, "Repositories"));
  std::size_t added = 0;
  for (const auto& [name, id] : references) {
    json::object* names = TRY(object_in(*repositories, repository_of(name)));
    const auto earlier = given.find(name);
    if (may_set(names->if_contains(name), id,
                earlier == given.end() ? std::set<Digest>() : earlier->second)) {
      (*names)[name] = id.text();
      ++added;
    }
  }
  if (added > 0) {
    TRY(write_repositories(image_, document));
  }
  return added;
}

Result<void> GraphMetadata::remove_references(const std::set<Digest>& images) {
  json::object document = TRY(read_repositories(image_));
  json::object* repositories = TRY(object_in(document, "Repositories"));
  json::object kept;
  for (const auto& [repository, names] : *repositories) {
    json::object left;
    const json::object* entries = names.if_object();
    for (auto entry = entries ? entries->begin() : json::object::const_iterator();
         entries && entry != entries->end(); ++entry) {
      const auto* text = entry->value().if_string();
      const auto id = Digest::parse(text ? std::string_view(*text) : "");
      if (!id || !images.contains(*id)) {
        left[entry->key()] = entry->value();
      }
    }
    if (!left.empty()) { // dockerd drops a repository with its last name, too
      kept[repository] = std::move(left);
    }
  }
  *repositories = std::move(kept);
  return write_repositories(image_, document);
}

Result<void> GraphMetadata::remove_image(const Digest& id) {
  const std::string name = id.hex();
  // The config last: as long as it is there, a boot after a killed one knows what to remove.
  TRY(sys::remove_tree_at({metadata_, name}));
  return sys::remove_tree_at({configs_, name});
}

Result<void> GraphMetadata::suspend_layer(const Digest& chain_id) {
  const std::string name = chain_id.hex();
  const std::string tar_split = kTarSplitName;
  const Fd record = TRY(sys::open_dir_at({layerdb_, name}));
  return sys::remove_tree_at({record, tar_split});
}

Result<void> GraphMetadata::remove_layer(const Digest& chain_id) {
  const std::string name = chain_id.hex();
  const auto there = TRY(sys::exists_at({layerdb_, name}));
  if (!there) {
    return {};
  }
  // By a rename: dockerd sees a record that is whole, or none.
  const std::string leaving = name + ".removed";
  TRY(sys::remove_tree_at({staging_, leaving}));
  TRY(sys::rename_at({layerdb_, name}, {staging_, leaving}));
  return sys::remove_tree_at({staging_, leaving});
}

} // namespace dind::store
