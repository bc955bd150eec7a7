#pragma once

#include <archive/byte_sink.hpp>
#include <archive/byte_source.hpp>
#include <base/fd.hpp>
#include <base/stop_flag.hpp>

namespace dind::images {

// Reads a pipe without being deaf to `stop` while nothing comes.
class PatientSource final : public archive::ByteSource {
public:
  PatientSource(const Fd& fd, const StopFlag& stop) : fd_(fd), stop_(stop) {}
  Result<std::size_t> read(std::span<std::byte> into) override;

private:
  const Fd& fd_;
  const StopFlag& stop_;
};

// Writes to a pipe, and heeds `stop` while the reader is slow or absent.
class PatientSink final : public archive::ByteSink {
public:
  PatientSink(const Fd& fd, const StopFlag& stop) : fd_(fd), stop_(stop) {}
  Result<void> write(std::span<const std::byte> bytes) override;

private:
  const Fd& fd_;
  const StopFlag& stop_;
};

} // namespace dind::images
