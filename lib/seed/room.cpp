#include <seed/room.hpp>

namespace dind::seed {
namespace {

constexpr std::uint64_t kRecordBytes = 64U << 10U;
constexpr std::uint64_t kRecordInodes = 16;
constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kEntriesPerDirectory = 8;

} // namespace

Room cost_of(Method method, const cache::Layer& layer) {
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

} // namespace dind::seed
