#include <seed/room.hpp>

#include <store/layout.hpp>

namespace dind::seed {
namespace {

constexpr std::uint64_t kRecordBytes = 64U << 10U;
constexpr std::uint64_t kRecordInodes = 16;
constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kEntriesPerDirectory = 8;

Room cost_of_files(Method method, const cache::Layer& layer) {
  const std::uint64_t directories = layer.entries / kEntriesPerDirectory;
  switch (method) {
  case Method::present:
  case Method::load: // the engine's to judge
    return {};
  case Method::link:
    return {kRecordBytes + layer.mark_dirs * kBlock, kRecordInodes + layer.mark_dirs + layer.marks};
  case Method::hardlink:
    return {kRecordBytes + directories * kBlock, kRecordInodes + directories};
  case Method::reflink:
    return {kRecordBytes + directories * kBlock, kRecordInodes + layer.entries};
  case Method::native:
  case Method::copy:
    return {kRecordBytes + layer.bytes + directories * kBlock, kRecordInodes + layer.entries};
  }
  return {};
}

bool has_own_files(Method method) {
  return method != Method::present && method != Method::load && method != Method::link;
}

} // namespace

Room cost_of(Method method, const cache::Layer& layer, const std::string& driver) {
  Room cost = cost_of_files(method, layer);
  if (driver == store::kOverlayfs && has_own_files(method)) {
    cost.bytes += layer.tar_bytes;
    for (const cache::Blob& blob : layer.blobs) {
      cost.bytes += blob.carried ? blob.size : 0;
    }
  }
  return cost;
}

} // namespace dind::seed
