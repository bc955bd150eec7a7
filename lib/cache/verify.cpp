#include <cache/verify.hpp>

#include <archive/compression.hpp>
#include <archive/member_path.hpp>
#include <archive/sha256.hpp>
#include <base/utf8.hpp>
#include <cache/canary.hpp>
#include <cache/expected_tree.hpp>
#include <cache/tree_check.hpp>
#include <sys/file.hpp>
#include <sys/workers.hpp>
#include <sys/xattr.hpp>
#include <tar_split/reader.hpp>
#include <tar_split/tar_source.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace dind::cache {
namespace {

constexpr unsigned kMaxWorkers = 4;

// nullopt is the good answer, an error is none.
using Verdict = Result<std::optional<Flaw>>;

Verdict good() {
  return std::optional<Flaw>();
}

Verdict flaw(std::string path, std::string what) {
  return std::optional(Flaw{std::move(path), std::move(what)});
}

Verdict judge(const Error& error, const std::string& path) {
  return is_flaw(error) ? flaw(path, error.describe()) : Verdict(error);
}

// Remembers whether it was the one to fail.
class Suspect final : public archive::ByteSource {
public:
  explicit Suspect(ByteSource& inner) : inner_(inner) {}
  Result<std::size_t> read(std::span<std::byte> into) override {
    auto got = inner_.read(into);
    has_failed_ = has_failed_ || !got;
    return got;
  }
  bool has_failed() const { return has_failed_; }

private:
  ByteSource& inner_;
  bool has_failed_ = false;
};

// Reads tar-split to its end, so that what goes wrong later is not its fault.
Result<void> read_through(const Fd& tar_split) {
  archive::FdSource file(tar_split);
  const auto json = TRY(archive::decompress(file));
  tar_split::Reader reader(*json.source);
  while (TRY(reader.next())) {
  }
  return {};
}

template <typename T>
std::vector<T> sorted(std::vector<T> list) {
  std::sort(list.begin(), list.end());
  return list;
}

std::vector<std::string> xattr_paths(const Skeleton& skeleton) {
  std::vector<std::string> paths;
  for (const LostXattrs& lost : skeleton.lost_xattrs) {
    const bool only_capability =
        std::all_of(lost.names.begin(), lost.names.end(),
                    [](const auto& name) { return name == sys::kCapabilityXattr; });
    if (!only_capability) {
      paths.push_back(lost.path);
    }
  }
  return sorted(std::move(paths));
}

std::set<std::string> without_capability(const Skeleton& skeleton) {
  std::set<std::string> paths;
  for (const LostXattrs& lost : skeleton.lost_xattrs) {
    if (std::find(lost.names.begin(), lost.names.end(), sys::kCapabilityXattr) !=
        lost.names.end()) {
      paths.insert(lost.path);
    }
  }
  return paths;
}

// Which of its lists differs from what the tar says; empty if none does.
std::string compare_skeletons(const Skeleton& found, const Skeleton& wanted) {
  const std::array lists = {std::pair("whiteouts", &Skeleton::whiteouts),
                            std::pair("opaque", &Skeleton::opaque),
                            std::pair("implied", &Skeleton::implied),
                            std::pair("overridden_whiteouts", &Skeleton::overridden_whiteouts)};
  for (const auto& [name, list] : lists) {
    if (sorted(found.*list) != sorted(wanted.*list)) {
      return name;
    }
  }
  if (found.nodes != wanted.nodes) {
    return "nodes";
  }
  return xattr_paths(found) == xattr_paths(wanted) ? "" : "lost_xattrs";
}

Verdict check_blob(const Cache& cache, const Blob& blob) {
  const std::string path = blob_file(blob.digest);
  const auto file = open_blob(cache.root(), blob.digest, blob.size);
  if (!file) {
    return judge(file.error(), path);
  }
  archive::FdSource bytes(*file);
  archive::HashingSource hashed(bytes);
  TRY(archive::drain(hashed).within(path));
  const Digest found = hashed.finish();
  return found == blob.digest ? good() : flaw(path, "its digest is " + found.text());
}

class LayerCheck {
public:
  LayerCheck(const Cache& cache, const Layer& layer)
      : cache_(cache), layer_(layer), dir_(layer_dir(layer.diff_id)) {}

  Verdict run() {
    const auto tree = cache_.open_tree(layer_.diff_id);
    if (!tree) {
      return judge(tree.error(), tree_dir(layer_.diff_id));
    }
    if (auto verdict = replay(*tree); !verdict || *verdict) {
      return verdict;
    }
    auto skeleton = cache_.read_skeleton(layer_.diff_id);
    const std::string skeleton_path = dir_ + "/" + kSkeletonName;
    if (!skeleton) {
      return judge(skeleton.error(), skeleton_path);
    }
    auto wrong =
        TRY(check_tree(*tree, expected_, {.without_capability = without_capability(*skeleton)}));
    if (wrong) {
      return flaw(in_tree(wrong->path), std::move(wrong->what));
    }
    const Skeleton wanted = expected_.take_skeleton();
    if (const auto list = compare_skeletons(*skeleton, wanted); !list.empty()) {
      return flaw(skeleton_path, fmt::format("\"{}\" is not what the layer says", list));
    }
    if (auto verdict = check_facts(*tree, wanted); !verdict || *verdict) {
      return verdict;
    }
    return check_blobs();
  }

private:
  std::string in_tree(const std::string& path) const {
    return tree_dir(layer_.diff_id) + (path.empty() ? "" : "/") + printable(path);
  }

  // Makes the tar again, hashes it, and reads its headers.
  Verdict replay(const Fd& tree) {
    const std::string split_path = tar_split_file(layer_.diff_id);
    const auto first = cache_.open_tar_split(layer_.diff_id);
    if (!first) {
      return judge(first.error(), split_path);
    }
    if (const auto read = read_through(*first); !read) {
      return judge(read.error(), split_path);
    }
    const Fd tar_split = TRY(cache_.open_tar_split(layer_.diff_id));
    archive::FdSource file(tar_split);
    const auto json = TRY(archive::decompress(file));
    std::string opened;
    tar_split::TarSource made(*json.source, [&](const std::string& name) -> Result<Fd> {
      opened = TRY(archive::clean_path(name));
      return sys::open_within(tree, opened, O_RDONLY | O_NONBLOCK);
    });
    Suspect payloads(made);
    archive::HashingSource tar(payloads);
    if (const auto read = read_headers(tar); !read) {
      return judge(read.error(), payloads.has_failed() ? in_tree(opened) : split_path);
    }
    tar_bytes_ = tar.bytes();
    if (const Digest found = tar.finish(); found != layer_.diff_id) {
      return flaw(split_path, fmt::format("the tar made of it has the digest {}", found.text()));
    }
    return good();
  }

  Result<void> read_headers(archive::ByteSource& tar) {
    archive::TarReader reader(tar);
    for (;;) {
      const auto entry = TRY(reader.next());
      if (!entry) {
        return archive::drain(tar);
      }
      TRY(expected_.add(*entry));
    }
  }

  // What cache.json says of the layer is what boot decides by.
  Verdict check_facts(const Fd& tree, const Skeleton& skeleton) const {
    const bool right = layer_.tar_bytes == tar_bytes_ && layer_.entries == expected_.entries() &&
                       layer_.bytes == expected_.bytes() &&
                       layer_.only_directories == expected_.only_directories() &&
                       layer_.marks == skeleton.marks() &&
                       layer_.mark_dirs == skeleton.mark_dirs().size();
    if (!right) {
      return flaw(kManifestName, fmt::format("its figures of layer {} are not the layer's",
                                             layer_.diff_id.text()));
    }
    const Damage damage = TRY(check_sentinels(tree, layer_.sentinels));
    for (const auto* const list : {&damage.missing, &damage.altered, &damage.notes}) {
      if (!list->empty()) {
        return flaw(kManifestName,
                    fmt::format("a sentinel of layer {} is not as the layer has it: {}",
                                layer_.diff_id.text(), printable(list->front())));
      }
    }
    return good();
  }

  Verdict check_blobs() const {
    for (const Blob& blob : layer_.blobs) {
      if (auto verdict = blob.carried ? check_blob(cache_, blob) : good(); !verdict || *verdict) {
        return verdict;
      }
    }
    return good();
  }

  const Cache& cache_;
  const Layer& layer_;
  const std::string dir_;
  ExpectedTree expected_;
  std::uint64_t tar_bytes_ = 0;
};

// Runs the checks of all layers on several threads; the verdicts are in order.
std::vector<Verdict> check_layers(const Cache& cache, const VerifyProgress& progress) {
  const auto& layers = cache.manifest().layers;
  std::vector<Verdict> verdicts(layers.size(), good());
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::size_t done = 0;
  const auto work = [&] {
    for (std::size_t at = next++; at < layers.size(); at = next++) {
      verdicts[at] = LayerCheck(cache, layers[at]).run();
      const std::lock_guard lock(mutex);
      ++done;
      if (progress) {
        progress(done, layers.size());
      }
    }
  };
  sys::run_on_workers(
      std::min<std::size_t>(
          {kMaxWorkers, std::max(1U, std::thread::hardware_concurrency()), layers.size()}),
      work);
  return verdicts;
}

Verdict check_config(const Cache& cache, const Image& image) {
  const auto config = cache.read_config(image.id);
  if (!config) {
    return judge(config.error(), config_file(image.id));
  }
  return config->size() == image.config_bytes
             ? good()
             : flaw(config_file(image.id),
                    fmt::format("has {} bytes, not {}", config->size(), image.config_bytes));
}

Verdict check_document(const Cache& cache, const Document& document) {
  const auto text = cache.read_document(document);
  return text ? good() : judge(text.error(), document_file(document.digest));
}

Result<void> collect(Verdict verdict, std::vector<Flaw>& flaws) {
  auto found = TRY(std::move(verdict));
  if (found) {
    flaws.push_back(std::move(*found));
  }
  return {};
}

} // namespace

Result<std::vector<Flaw>> verify(const Cache& cache, const VerifyProgress& progress) {
  std::vector<Flaw> flaws;
  for (const Image& image : cache.manifest().images) {
    TRY(collect(check_config(cache, image), flaws));
  }
  for (const Document& document : cache.manifest().documents) {
    TRY(collect(check_document(cache, document), flaws));
  }
  for (const BuildCache& build : cache.manifest().build_caches) {
    for (const Blob& blob : build.blobs) {
      TRY(collect(check_blob(cache, blob), flaws));
    }
  }
  for (Verdict& verdict : check_layers(cache, progress)) {
    TRY(collect(std::move(verdict), flaws));
  }
  const Damage damage = TRY(check_canary(cache.root(), cache.manifest()));
  for (const auto* const list : {&damage.missing, &damage.altered}) {
    for (const std::string& what : *list) {
      flaws.push_back({kCanaryName, list == &damage.missing ? what + " is missing" : what});
    }
  }
  return flaws;
}

} // namespace dind::cache
