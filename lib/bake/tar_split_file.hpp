#pragma once

#include <archive/compression.hpp>
#include <base/fd.hpp>
#include <tar_split/writer.hpp>

namespace dind::bake {

// Compresses what tar_split::Writer says into a file as it comes.
class TarSplitFile {
public:
  explicit TarSplitFile(const Fd& file)
      : file_(file), split_([this](std::string_view text) { return put(text); }) {}
  TarSplitFile(const TarSplitFile&) = delete;
  TarSplitFile& operator=(const TarSplitFile&) = delete;

  tar_split::Writer& observer() { return split_; }
  Result<void> finish();

private:
  Result<void> put(std::string_view text);
  Result<void> flush();

  const Fd& file_;
  archive::GzipWriter gzip_;
  tar_split::Writer split_;
};

} // namespace dind::bake
