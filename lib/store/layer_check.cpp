#include <store/layer_check.hpp>

#include <archive/compression.hpp>
#include <archive/link_walk.hpp>
#include <archive/member_path.hpp>
#include <archive/sha256.hpp>
#include <archive/tar_reader.hpp>
#include <cache/manifest.hpp>
#include <cache/reader.hpp>
#include <store/layout.hpp>
#include <store/mark_check.hpp>
#include <store/parent_dirs.hpp>
#include <sys/dir.hpp>
#include <sys/extents.hpp>
#include <sys/file.hpp>
#include <sys/xattr.hpp>
#include <tar_split/crc64.hpp>
#include <tar_split/header_source.hpp>

#include <fmt/format.h>

#include <errno.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

namespace dind::store {
namespace {

constexpr std::size_t kBuffer = 1U << 20U;

// Something is not as it was, or not there; anything else is a failure to look.
bool is_flaw(const Error& error) {
  constexpr std::array kFlaws = {0, ENOENT, ENOTDIR, EISDIR, ELOOP};
  return std::find(kFlaws.begin(), kFlaws.end(), error.code()) != kFlaws.end();
}

// The parts of "l/A:l/B".
std::vector<std::string> entries_of_lower(const std::string& lower) {
  std::vector<std::string> entries;
  std::istringstream parts(lower);
  for (std::string entry; std::getline(parts, entry, ':');) {
    entries.push_back(entry);
  }
  return entries;
}

Result<Fd> open_snapshot(const Fd& data_root, const std::string& id) {
  const std::string driver = kOverlayfs;
  return sys::open_beneath(data_root, layers_dir(driver) + "/" + id + "/" + files_name(driver),
                           O_RDONLY | O_DIRECTORY);
}

// Of a layer that was borrowed once, and whose tree has a snapshot of its own. It is empty where
// the layer was made anew since.
Result<std::optional<Fd>> open_tree(const Fd& data_root, const PresentLayer& layer) {
  if (!layer.tree_id) {
    return std::optional<Fd>();
  }
  Fd tree = TRY(open_snapshot(data_root, *layer.tree_id));
  const auto entries = TRY(sys::list_dir(tree));
  return entries.empty() ? std::nullopt : std::optional(std::move(tree));
}

// The paths of a layer's members, which may lead through symlinks of the layer.
class MemberPaths {
public:
  explicit MemberPaths(const std::vector<Fd>& places) : places_(places) {}

  // "" is the root. Neighbours in a tar share their parent.
  Result<std::string> of(const std::string& name) {
    const std::string path = TRY(archive::clean_path(name));
    const std::string_view parent = archive::parent_of(path);
    if (parent.empty()) {
      return path;
    }
    if (parent != parent_) {
      const auto look_up = [this](const std::string& at) { return what_is(at); };
      const std::string followed = TRY(archive::follow_parents(path, look_up));
      if (failure_) {
        return *std::exchange(failure_, std::nullopt);
      }
      parent_ = parent;
      real_parent_ = archive::parent_of(followed);
    }
    std::string real = real_parent_;
    return real.append(real.empty() ? "" : "/").append(archive::base_of(path));
  }

private:
  archive::AtPath what_is(const std::string& path) {
    using What = archive::AtPath::What;
    const std::string parent(archive::parent_of(path));
    const std::string name(archive::base_of(path));
    for (const Fd& place : places_) {
      const auto dir =
          sys::open_beneath(place, parent.empty() ? "." : parent, O_RDONLY | O_DIRECTORY);
      const auto found = dir ? sys::stat_at({*dir, name}) : dir.error();
      if (found && S_ISLNK(found->st_mode)) {
        auto target = sys::read_link_at({*dir, name});
        target_ = target ? std::move(target).value() : "";
        return {What::symlink, target_};
      }
      if (found) {
        return {S_ISDIR(found->st_mode) ? What::directory : What::other};
      }
      if (!is_flaw(found.error())) {
        failure_ = found.error();
      }
    }
    return {};
  }

  const std::vector<Fd>& places_;
  std::string parent_;
  std::string real_parent_; // what it leads to
  std::string target_;      // of the symlink that was looked at last
  std::optional<Error> failure_;
};

// Every check is a Result<void> whose error is the flaw.
class Check {
public:
  Check(const LayerPlace& place, const Digest& chain_id, const LayerTruth& truth)
      : root_(place.data_root), driver_(place.driver), chain_id_(chain_id), state_(place.state),
        layer_(place.state.layers.at(chain_id)), truth_(truth), deadline_(place.deadline),
        doubt_(place.doubt),
        has_marks_(driver_ == kOverlay2 || driver_ == kFuseOverlayfs || driver_ == kOverlayfs),
        marks_(driver_, place.users) {}

  Result<void> run() {
    const cache::Skeleton& skeleton = truth_.skeleton;
    if (driver_ == kOverlayfs) {
      return layer_.borrowed_from.empty() ? own_snapshots() : borrowed_snapshots(skeleton);
    }
    Fd dir = TRY(open_layer(layer_.cache_id));
    TRY(record().within("its record"));
    if (!has_marks_) {
      std::vector<Fd> places;
      places.push_back(std::move(dir));
      return whole(places);
    }
    TRY(layout(dir));
    TRY(only_marks_beside(dir));
    const std::string skeleton_name = "skeleton";
    if (layer_.borrowed_from.empty()) {
      const std::string name = "diff";
      std::vector<Fd> places;
      places.push_back(TRY(sys::open_dir_at({dir, name})));
      if (auto beside = sys::open_dir_at({dir, skeleton_name})) {
        places.push_back(std::move(*beside));
      }
      return whole(places);
    }
    if (skeleton.marks() == 0) {
      return {};
    }
    return marks_.all_of(TRY(sys::open_dir_at({dir, skeleton_name})), skeleton);
  }

private:
  Result<Fd> open_layer(const std::string& id) const {
    return sys::open_beneath(root_, layers_dir(driver_) + "/" + id, O_RDONLY | O_DIRECTORY);
  }
  Result<void> borrowed_snapshots(const cache::Skeleton& skeleton) const {
    if (layer_.tree_id) { // what such directories look like depends on the layers below
      if (doubt_ == Doubt::power_cut) {
        return input_error("it has directories of its own in the volume");
      }
      const Fd top = TRY(open_snapshot(root_, layer_.cache_id));
      TRY(only_implied(top));
    }
    if (skeleton.marks() == 0) {
      return {};
    }
    if (!layer_.marks_id) {
      return input_error("it has no marks");
    }
    const Fd marks = TRY(open_snapshot(root_, *layer_.marks_id));
    if (truth_.tar_split) {
      TRY(marks_.only(marks, skeleton));
    }
    return marks_.all_of(marks, skeleton);
  }

  // A layer that was borrowed once may have its files, its marks and what its tar only implies in
  // snapshots of their own.
  Result<void> own_snapshots() {
    std::vector<Fd> places;
    places.push_back(TRY(open_snapshot(root_, layer_.cache_id)));
    if (auto tree = TRY(open_tree(root_, layer_))) {
      TRY(only_implied(places.back()));
      places.push_back(std::move(*tree));
    }
    if (layer_.marks_id) {
      places.push_back(TRY(open_snapshot(root_, *layer_.marks_id)));
      if (truth_.tar_split) {
        TRY(marks_.only(places.back(), truth_.skeleton));
      }
    }
    const std::uint64_t tar_bytes = TRY(files_of(places));
    return blob(tar_bytes).within("its blob");
  }

  // What the top snapshot has, where the tree has one of its own.
  Result<void> only_implied(const Fd& top) const {
    cache::Skeleton implied;
    implied.opaque = truth_.skeleton.implied;
    return truth_.tar_split ? marks_.only(top, implied) : Result<void>();
  }

  // Where it is a file: else it is made when it is read, or there is none.
  Result<void> blob(std::uint64_t tar_bytes) const {
    const auto file =
        sys::open_regular_beneath(root_, std::string(kBlobsDir) + "/" + layer_.diff_id.hex());
    if (!file) {
      return is_flaw(file.error()) ? Result<void>() : file.error();
    }
    const struct stat found = TRY(sys::stat_of(*file));
    if (static_cast<std::uint64_t>(found.st_size) != tar_bytes) {
      return input_error("has {} bytes, not {}", found.st_size, tar_bytes);
    }
    archive::Sha256 sum;
    const bool is_read = TRY(read_doubtful(*file, tar_bytes, sum));
    return !is_read || sum.finish() == layer_.diff_id ? Result<void>()
                                                      : input_error("its content is not whole");
  }

  // The chain ID proves diff ID and parent; that of the cache was looked at before.
  Result<void> record() {
    if (cache::next_chain_id(layer_.parent, layer_.diff_id) != chain_id_) {
      return input_error("it is that of another layer");
    }
    const Fd dir = TRY(open_record());
    const std::string size = TRY(text_in(dir, "size"));
    return !size.empty() && size.find_first_not_of("0123456789") == std::string::npos
               ? Result<void>()
               : input_error("size is \"{}\"", size);
  }

  // Where the layer's tar-split is.
  Result<Fd> open_record() const {
    if (driver_ == kOverlayfs) {
      return open_layer(layer_.cache_id);
    }
    return sys::open_beneath(root_, layerdb_dir(driver_) + "/" + chain_id_.hex(),
                             O_RDONLY | O_DIRECTORY);
  }

  static Result<void> same(std::string_view what, const Result<std::string>& is,
                           const std::string& should) {
    if (!is) {
      return is.error();
    }
    return *is == should ? Result<void>() : input_error("{} is \"{}\"", what, *is);
  }

  Result<void> layout(const Fd& dir) {
    const std::string link = link_id_of(chain_id_);
    TRY(same("link", text_in(dir, "link"), link));
    const bool has_committed = TRY(has(dir, "committed"));
    if (!has_committed) {
      return input_error("committed is missing");
    }
    TRY(leads(link, "../" + layer_.cache_id + "/diff"));
    std::string lower;
    if (layer_.parent) {
      const auto parent = state_.layers.find(*layer_.parent);
      if (parent == state_.layers.end()) {
        return input_error("its parent is missing");
      }
      const Fd below = TRY(open_layer(parent->second.cache_id));
      const std::string parent_link = TRY(text_in(below, "link"));
      lower = lower_of_child(parent_link, lower_in(below));
    }
    return lists(lower_in(dir), lower);
  }

  // It lists what its parent does. Skeletons of its own and of layers below may come in between:
  // one that was borrowed when this was made may have files of its own today.
  Result<void> lists(const std::string& lower, const std::string& of_parent) {
    std::map<std::string, std::string> skeletons; // their links, and where those lead
    for (auto layer = state_.layers.find(chain_id_); layer != state_.layers.end();
         layer = layer->second.parent ? state_.layers.find(*layer->second.parent)
                                      : state_.layers.end()) {
      skeletons.emplace(skeleton_link_id_of(layer->first),
                        "../" + layer->second.cache_id + "/skeleton");
    }
    const auto expected = entries_of_lower(of_parent);
    auto next = expected.begin();
    for (const std::string& entry : entries_of_lower(lower)) {
      if (next != expected.end() && entry == *next) {
        ++next;
        continue;
      }
      const auto skeleton = skeletons.find(entry.substr(std::min<std::size_t>(2, entry.size())));
      if (skeleton == skeletons.end()) {
        return input_error("lower is \"{}\"", lower);
      }
      TRY(leads(skeleton->first, skeleton->second));
    }
    return next == expected.end() ? Result<void>() : input_error("lower is \"{}\"", lower);
  }

  Result<void> leads(const std::string& link, const std::string& target) {
    const Fd links = TRY(sys::open_beneath(root_, driver_ + "/l", O_RDONLY | O_DIRECTORY));
    return same("a link to it", sys::read_link_at({links, link}), target);
  }

  // What stands beside a layer's files is seen below them, and may be nothing that the layer does
  // not delete or make. Without a cache that has the layer it is not known.
  Result<void> only_marks_beside(const Fd& dir) const {
    const std::string name = "skeleton";
    const auto beside = sys::open_dir_at({dir, name});
    return beside && truth_.tar_split ? marks_.only(*beside, truth_.skeleton) : Result<void>();
  }

  // The record's own is what an engine makes a tar of; the cache's is what the layer is.
  Result<Fd> open_tar_split(const Fd& record) const {
    const std::string name = kTarSplitName;
    Fd own = TRY(sys::open_regular_at({record, name}));
    const struct stat found = TRY(sys::stat_of(own));
    if (found.st_size == 0) { // which is no compression at all
      return input_error("{} is empty", name);
    }
    if (found.st_size > cache::kTarSplitLimit) {
      return input_error("{} has {} bytes", name, found.st_size);
    }
    return own;
  }

  Result<void> check_time() const {
    return std::chrono::steady_clock::now() < deadline_ ? Result<void>()
                                                        : Error("check it in time", ETIMEDOUT);
  }

  Result<void> whole(const std::vector<Fd>& places) {
    std::ignore = TRY(files_of(places));
    return {};
  }

  // What the layer's own tar says is in one of `places`: a layer that was borrowed once has its
  // marks and nodes beside its files. Returns the bytes of the tar.
  Result<std::uint64_t> files_of(const std::vector<Fd>& places) {
    const Fd dir = TRY(open_record());
    const Fd own = TRY(open_tar_split(dir));
    archive::FdSource file(truth_.tar_split ? *truth_.tar_split : own);
    const auto json = TRY(archive::decompress(file));
    tar_split::HeaderSource tar(*json.source);
    archive::TarReader members(tar);
    MemberPaths paths(places);
    std::deque<ParentDirs> parents(places.begin(), places.end());
    while (const auto entry = TRY(members.next())) {
      TRY(check_time());
      const tar_split::File member = TRY(tar.next_file());
      if (entry->type != archive::EntryType::global_header) { // which has a name, and no file
        const std::string path = TRY(paths.of(member.name));
        TRY(member_in(parents, path, member));
      }
    }
    return tar.offset();
  }

  // What is wrong in the place that has the most of it.
  Result<void> member_in(std::deque<ParentDirs>& places, const std::string& path,
                         const tar_split::File& member) {
    std::optional<Error> flaw;
    for (ParentDirs& parents : places) {
      auto found = member_of(parents, path, member);
      if (found || !is_flaw(found.error())) {
        return found;
      }
      if (!flaw || flaw->code() != 0) {
        flaw = std::move(found).error();
      }
    }
    return flaw ? Result<void>(*std::move(flaw)) : Result<void>();
  }

  Result<void> member_of(ParentDirs& parents, const std::string& path,
                         const tar_split::File& member) {
    if (path.empty()) { // the root
      return {};
    }
    if (archive::base_of(path).starts_with(archive::kWhiteoutPrefix)) {
      return has_marks_ ? marks_.mark_of(parents, path) : Result<void>();
    }
    const sys::At at = TRY(parents.at(path));
    const struct stat found = TRY(sys::stat_at(at));
    if (member.size == 0) { // no file, empty, or sparse, which was flushed
      return {};
    }
    const auto size = static_cast<std::uint64_t>(found.st_size);
    if (!S_ISREG(found.st_mode) || size != member.size) {
      return input_error("{} has {} bytes, not {}", path, size, member.size);
    }
    return content_of(TRY(sys::open_regular_at(at)), member).within(path);
  }

  // A file may have its size before its data: blocks that were set aside, and never
  // written, read as zeros. Where there are some, or the filesystem does not tell, all of it is
  // read.
  Result<void> content_of(const Fd& file, const tar_split::File& member) const {
    tar_split::Crc64Iso sum;
    const bool is_read = TRY(read_doubtful(file, member.size, sum));
    return !is_read || sum.value() == member.crc64 ? Result<void>()
                                                   : input_error("its content is not whole");
  }

  // Returns whether there was a reason to read it.
  template <typename Sum>
  Result<bool> read_doubtful(const Fd& file, std::uint64_t size, Sum& sum) const {
    const auto written = sys::is_written(file, size);
    if (written && *written) {
      return false;
    }
    archive::FdSource source(file);
    std::vector<std::byte> buffer(kBuffer);
    for (;;) {
      TRY(check_time());
      const std::size_t got = TRY(source.read(buffer));
      if (got == 0) {
        return true;
      }
      sum.update(std::span(buffer).first(got));
    }
  }

  static Result<std::string> text_in(const Fd& dir, const std::string& name) {
    return sys::read_file_at({dir, name}, kSmallFileLimit);
  }
  // A base has none.
  static std::string lower_in(const Fd& dir) {
    auto lower = text_in(dir, "lower");
    return lower ? std::move(lower).value() : "";
  }
  static Result<bool> has(const Fd& dir, const std::string& name) {
    return sys::exists_at({dir, name});
  }

  const Fd& root_;
  const std::string& driver_;
  const Digest& chain_id_;
  const DriverState& state_;
  const PresentLayer& layer_;
  const LayerTruth& truth_;
  const std::chrono::steady_clock::time_point deadline_;
  const Doubt doubt_;
  bool has_marks_;
  MarkCheck marks_;
};

} // namespace

Result<std::optional<Reason>> find_flaw(const LayerPlace& place, const Digest& chain_id,
                                        const LayerTruth& truth) {
  const auto checked = Check(place, chain_id, truth).run();
  if (checked) {
    return std::optional<Reason>();
  }
  if (is_flaw(checked.error())) {
    return std::optional(Reason{checked.error().describe()});
  }
  return checked.error();
}

Result<Fd> open_files(const Fd& data_root, const std::string& driver, const PresentLayer& layer) {
  if (driver == kOverlayfs) {
    auto tree = TRY(open_tree(data_root, layer));
    return tree ? Result<Fd>(std::move(*tree)) : open_snapshot(data_root, layer.cache_id);
  }
  const bool has_files_dir = driver == kOverlay2 || driver == kFuseOverlayfs;
  const std::string path = layers_dir(driver) + "/" + layer.cache_id;
  return sys::open_beneath(data_root, has_files_dir ? path + "/" + files_name(driver) : path,
                           O_RDONLY | O_DIRECTORY);
}

} // namespace dind::store
