#include <seed/layer_maker.hpp>

#include <archive/compression.hpp>
#include <archive/sha256.hpp>
#include <tar_split/tar_source.hpp>

#include <tuple>

namespace dind::seed {
namespace {

// A source that ends with ECANCELED once it is told to.
class InterruptibleSource final : public archive::ByteSource {
public:
  InterruptibleSource(archive::ByteSource& source, const Interrupted& interrupted)
      : source_(source), interrupted_(interrupted) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    return interrupted_() ? Result<std::size_t>(Error("unpack", ECANCELED)) : source_.read(into);
  }

private:
  archive::ByteSource& source_;
  const Interrupted& interrupted_;
};

clone::CloneMethod clone_method_of(Method method) {
  switch (method) {
  case Method::reflink:
    return clone::CloneMethod::reflink;
  case Method::hardlink:
    return clone::CloneMethod::hardlink;
  default:
    return clone::CloneMethod::copy;
  }
}

} // namespace

LayerMaker::LayerMaker(store::StorageDriver& driver, const std::vector<const cache::Cache*>& caches,
                       Settings settings, clone::CloneProgress& progress)
    : driver_(driver), caches_(caches), settings_(std::move(settings)), progress_(progress) {}

Result<void> LayerMaker::make(const LayerStep& step, Method method,
                              const store::StorageDriver::OptionalParent& parent) {
  if (method == Method::link) {
    return borrow(step, parent);
  }
  return method == Method::native || step.origin == Origin::tar ? unpack(step, parent)
                                                                : clone(step, method, parent);
}

Result<void> LayerMaker::borrow(const LayerStep& step,
                                const store::StorageDriver::OptionalParent& parent) {
  const cache::Cache& cache = *caches_[step.cache];
  // The engine will follow the link that this makes; here nothing is followed.
  std::ignore = TRY(cache.open_tree(step.diff_id));
  const cache::Skeleton skeleton = TRY(cache.read_skeleton(step.diff_id));
  const std::string tree = (cache.path_to_layer(step.diff_id) / cache::kTreeName).native();
  return driver_.add_borrowed(step.chain_id, parent, tree, skeleton);
}

Result<void> LayerMaker::clone(const LayerStep& step, Method method,
                               const store::StorageDriver::OptionalParent& parent) {
  const cache::Cache& cache = *caches_[step.cache];
  const Fd tree = TRY(cache.open_tree(step.diff_id));
  const cache::Skeleton skeleton = TRY(cache.read_skeleton(step.diff_id));
  store::Cloning cloning = this->cloning(clone_method_of(method));
  if (method != Method::hardlink) { // which looks at no file
    cloning.bytes = cache.manifest().find(step.diff_id)->bytes;
  }
  return driver_.add_cloned(step.chain_id, parent, tree, skeleton, cloning);
}

// Makes the layer's tar again and unpacks it. The diff ID proves that all of it,
// metadata and content, is what was baked.
Result<void> LayerMaker::unpack(const LayerStep& step,
                                const store::StorageDriver::OptionalParent& parent) {
  const cache::Cache& cache = *caches_[step.cache];
  const Fd tree = TRY(cache.open_tree(step.diff_id));
  const Fd compressed = TRY(cache.open_tar_split(step.diff_id));
  archive::FdSource file(compressed);
  const auto json = TRY(archive::decompress(file));
  tar_split::TarSource tar(*json.source, tar_split::payloads_in(tree));
  InterruptibleSource stoppable(tar, settings_.interrupted);
  archive::HashingSource hashed(stoppable);
  const auto check = [&]() -> Result<void> {
    if (hashed.finish() != step.diff_id) {
      return input_error("its content does not hash to its diff ID");
    }
    return {};
  };
  return driver_.add_unpacked(step.chain_id, parent, hashed, check,
                              cloning(clone::CloneMethod::copy));
}

store::Cloning LayerMaker::cloning(clone::CloneMethod method) const {
  return {.method = method,
          .share = settings_.share,
          .jobs = settings_.jobs,
          .interrupted = settings_.interrupted,
          .progress = progress_};
}

} // namespace dind::seed
