#include <bake/layer_writer.hpp>

#include <archive/tar_split.hpp>
#include <archive/unpacker.hpp>
#include <bake/read_ahead.hpp>
#include <bake/skeleton_marks.hpp>
#include <bake/witnesses.hpp>
#include <base/utf8.hpp>
#include <sys/file.hpp>

namespace dind::bake {
namespace {

const std::string kTree = "tree";
const std::string kTarSplit = "tar-split.json.gz";
const std::string kSkeleton = cache::kSkeletonName;
constexpr std::string_view kMarkPrefix = ".wh.";
constexpr timespec kEpoch = {0, 0};

// Compresses what TarSplitWriter says into a file as it comes.
class TarSplitFile {
public:
  explicit TarSplitFile(Fd file)
      : file_(std::move(file)), split_([this](std::string_view text) { return put(text); }) {}

  archive::TarSplitWriter& observer() { return split_; }

  Result<void> finish() {
    TRY(split_.finish());
    gzip_.finish();
    return flush();
  }

private:
  Result<void> put(std::string_view text) {
    gzip_.write(text);
    return flush();
  }
  Result<void> flush() { return sys::write_all(file_, gzip_.take()).within(kTarSplit); }

  Fd file_;
  archive::GzipWriter gzip_;
  archive::TarSplitWriter split_;
};

// Applies members to the tree and adds up what they are.
class Tally {
public:
  explicit Tally(const Fd& tree, cache::Layer& facts)
      : tree_(tree), facts_(facts), unpacker_(tree, marks_) {}

  Result<void> add(const archive::TarEntry& entry, archive::TarReader& reader) {
    if (entry.type == archive::EntryType::global_header) {
      return unpacker_.add(entry, reader);
    }
    const std::string path = TRY(archive::clean_path(entry.name));
    const bool is_mark = archive::base_of(path).starts_with(kMarkPrefix);
    TRY(unpacker_.add(entry, reader));
    ++facts_.entries;
    if (!is_utf8(path)) {
      ++odd_names_;
      odd_name_ = odd_names_ == 1 ? path : odd_name_;
    }
    if (!is_mark && !marks_.is_node(path)) {
      witnesses_.see(path, entry);
      facts_.only_directories =
          facts_.only_directories && entry.type == archive::EntryType::directory;
      facts_.bytes += entry.type == archive::EntryType::file      ? entry.size
                      : entry.type == archive::EntryType::symlink ? entry.link_name.size()
                                                                  : 0;
    }
    return {};
  }

  Result<cache::Skeleton> finish() {
    TRY(unpacker_.finish());
    facts_.copy_reason = marks_.copy_reason();
    facts_.sentinels = TRY(witnesses_.testify(tree_, marks_.capable()));
    cache::Skeleton skeleton = marks_.take();
    facts_.marks = skeleton.marks();
    facts_.mark_dirs = skeleton.mark_dirs().size();
    return skeleton;
  }

  Warnings warnings() const {
    if (odd_names_ == 0) {
      return {};
    }
    return {fmt::format("{} names are not UTF-8, the first is {}: BuildKit's COPY of a build "
                        "context refuses them; RUN, COPY --from and `docker commit` do not",
                        odd_names_, printable(odd_name_))};
  }

private:
  const Fd& tree_;
  cache::Layer& facts_;
  SkeletonMarks marks_;
  archive::Unpacker unpacker_;
  Witnesses witnesses_;
  std::uint64_t odd_names_ = 0;
  std::string odd_name_;
};

Result<cache::Skeleton> unpack(archive::ByteSource& tar, const Fd& dir, WrittenLayer& layer) {
  TRY(sys::make_dir_at({dir, kTree}, 0755));
  const Fd tree = TRY(sys::open_dir_at({dir, kTree}));
  TarSplitFile split(TRY(sys::open_at({dir, kTarSplit}, O_WRONLY | O_CREAT | O_EXCL, 0644)));
  archive::TarReader reader(tar, &split.observer());
  Tally tally(tree, layer.facts);
  for (;;) {
    const auto entry = TRY(reader.next());
    if (!entry) {
      break;
    }
    TRY(tally.add(*entry, reader).within(printable(entry->name)));
  }
  // The digests are compared at the very end of the bytes.
  TRY(archive::drain(tar));
  TRY(split.finish());
  cache::Skeleton skeleton = TRY(tally.finish());
  layer.warnings = tally.warnings();
  return skeleton;
}

// Modes and times that do not depend on when and by whom the layer is written.
Result<void> settle(const Fd& dir, const std::string& name) {
  TRY(sys::set_mode_at({dir, name}, 0644));
  return sys::set_times_at({dir, name}, kEpoch, kEpoch);
}

} // namespace

Result<WrittenLayer> write_layer(archive::ByteSource& stored, const LayerDigests& expected,
                                 const Fd& dir) {
  const auto source = TRY(LayerSource::open(stored, expected));
  WrittenLayer layer{{.diff_id = expected.diff_id, .only_directories = true}, {}};
  cache::Skeleton skeleton;
  {
    ReadAhead tar(*source);
    skeleton = TRY(unpack(tar, dir, layer));
  }
  layer.facts.tar_bytes = source->tar_bytes();
  if (!skeleton.empty()) {
    TRY(sys::create_file_at({dir, kSkeleton}, cache::print_skeleton(skeleton), 0644));
    TRY(settle(dir, kSkeleton));
  }
  TRY(settle(dir, kTarSplit));
  const std::string here = ".";
  TRY(sys::set_times_at({dir, here}, kEpoch, kEpoch));
  return layer;
}

Result<void> check_layer(archive::ByteSource& stored, const LayerDigests& expected) {
  const auto source = TRY(LayerSource::open(stored, expected));
  return archive::drain(*source);
}

} // namespace dind::bake
