#include <outer/outer_base.hpp>

#include <archive/tar_reader.hpp>
#include <bake/layer_pool.hpp>
#include <images/read_ahead.hpp>

#include <utility>

namespace dind::outer {
namespace {

constexpr int kMostLooks = 10; // a symlink to a symlink to ...

Result<void> look_at(archive::ByteSource& tar, LayeredPaths& files) {
  files.begin_layer();
  archive::TarReader reader(tar);
  for (;;) {
    const auto entry = TRY(reader.next());
    if (!entry) {
      return archive::drain(tar);
    }
    TRY(files.see(*entry));
  }
}

Result<void> look_ahead(archive::ByteSource& tar, LayeredPaths& files) {
  images::ReadAhead ahead(tar);
  return look_at(ahead, files);
}

class Bringer {
public:
  Bringer(const images::Collection& base, const OuterMaking& making, OuterBase& made)
      : base_(base), making_(making), made_(made) {}

  Result<void> bring_layers() {
    TRY(for_each_layer([this](archive::ByteSource& stored, const bake::LayerDigests& expected) {
      return bring(stored, expected);
    }));
    for (const Digest& diff_id : base_.images().front().image.layers) {
      made_.layers.push_back(layers_.at(diff_id));
    }
    return {};
  }

  // Symlinks lead to paths that were not watched: another look at the layers tells what is there.
  Result<void> follow_symlinks(const std::vector<std::string>& paths) {
    std::vector<std::string> watched = paths;
    for (int looks = 1; looks < kMostLooks; ++looks) {
      const std::size_t before = watched.size();
      for (const std::string& path : paths) {
        const auto real = made_.files.resolve(path);
        if (real && !real->empty() && !made_.files.watches(*real)) {
          watched.push_back(*real);
        }
      }
      if (watched.size() == before) {
        return {};
      }
      made_.files = LayeredPaths(watched);
      TRY(for_each_layer([this](archive::ByteSource& stored, const bake::LayerDigests& expected) {
        return look_again(stored, expected);
      }));
    }
    return {};
  }

private:
  // One by one, base first: what they have is looked at in that order.
  Result<void> for_each_layer(const bake::MakeLayer& make) {
    const bake::KnownLayer none = [](const Digest&) { return nullptr; };
    making_.progress.begin("base", TRY(bake::bytes_to_read(base_, none)));
    auto made = TRY(bake::make_layers(base_, make, none, 1, making_.progress, making_.stop));
    return made.failed.empty() ? Result<void>() : std::move(made.failed.front().why);
  }

  Result<bake::WrittenLayer> bring(archive::ByteSource& stored,
                                   const bake::LayerDigests& expected) {
    const bool is_a_registrys =
        making_.pool && expected.stored && *expected.stored != expected.diff_id;
    const KeptLayer* const kept = making_.previous.find(expected.diff_id);
    OuterLayer layer = TRY(is_a_registrys ? keep(stored, expected)
                           : kept         ? take_over(stored, expected, *kept)
                                          : remake(stored, expected));
    layers_.emplace(expected.diff_id, std::move(layer));
    return bake::WrittenLayer{{.diff_id = expected.diff_id}, {}};
  }

  Result<OuterLayer> keep(archive::ByteSource& stored, const bake::LayerDigests& expected) {
    const auto raw = TRY(BlobWriter::create(making_.draft));
    archive::TeeSource teed(stored, *raw);
    const auto source = TRY(bake::LayerSource::open(teed, expected));
    const archive::Compression kind = source->compression();
    if (kind == archive::Compression::xz || kind == archive::Compression::bzip2) {
      return compress_anew(*source); // there is no media type for it
    }
    TRY(look_ahead(*source, made_.files));
    const StoredBlob blob = TRY(raw->finish());
    return OuterLayer{expected.diff_id, blob, layer_media_type(kind), {}};
  }

  Result<OuterLayer> take_over(archive::ByteSource& stored, const bake::LayerDigests& expected,
                               const KeptLayer& kept) {
    TRY(look_again(stored, expected));
    OuterLayer layer = TRY(making_.previous.take_over(kept, making_.draft));
    layer.annotations.emplace_back(kRecipeAnnotation, making_.recipe);
    made_.layers_taken_over += 1;
    return layer;
  }

  Result<OuterLayer> remake(archive::ByteSource& stored, const bake::LayerDigests& expected) {
    const auto source = TRY(bake::LayerSource::open(stored, expected));
    return compress_anew(*source);
  }

  Result<OuterLayer> compress_anew(archive::ByteSource& tar) {
    const auto made = TRY(LayerBlobWriter::create(making_.draft, making_.pool, making_.stop));
    archive::TeeSource teed(tar, *made);
    TRY(look_ahead(teed, made_.files));
    OuterLayer layer = TRY(made->finish());
    layer.annotations.emplace_back(kRecipeAnnotation, making_.recipe);
    return layer;
  }

  Result<bake::WrittenLayer> look_again(archive::ByteSource& stored,
                                        const bake::LayerDigests& expected) {
    const auto source = TRY(bake::LayerSource::open(stored, expected));
    TRY(look_ahead(*source, made_.files));
    return bake::WrittenLayer{{.diff_id = expected.diff_id}, {}};
  }

  const images::Collection& base_;
  const OuterMaking& making_;
  OuterBase& made_;
  std::unordered_map<Digest, OuterLayer> layers_;
};

} // namespace

Result<std::vector<OuterDir>> dirs_above(const CachePlace& place, const LayeredPaths& files) {
  std::vector<OuterDir> dirs;
  for (const std::string& path : places_down_to(place.parent_path())) {
    const archive::TarEntry* const found = files.find(path);
    if (found && found->type != archive::EntryType::directory) {
      return input_error("/{} is no directory in the base; choose another --cache-dir", path);
    }
    dirs.push_back(
        found ? OuterDir{path, found->mode, found->uid, found->gid, found->mtime, found->mtime_ns}
              : OuterDir{.path = path});
  }
  return dirs;
}

Result<OuterBase> bring_base(const images::Collection& base, const std::vector<std::string>& paths,
                             const OuterMaking& making) {
  OuterBase made{.layers = {}, .files = LayeredPaths(paths)};
  Bringer bringer(base, making, made);
  TRY(bringer.bring_layers().within("the base"));
  TRY(bringer.follow_symlinks(paths).within("the base"));
  return made;
}

} // namespace dind::outer
