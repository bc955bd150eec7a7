#pragma once

#include <archive/byte_source.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace dind::images {

// Bytes that lie somewhere in a file; read by pread, so that several threads may
// read what shares a descriptor.
struct Stored {
  std::shared_ptr<const Fd> fd;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;

  archive::RangeSource source() const { return {*fd, offset, size}; }
};

// Files by name: the members of a tar, or a directory. Neither is trusted.
class Bundle {
public:
  virtual ~Bundle() = default;

  virtual bool has(const std::string& name) const = 0;
  // Follows the links of an archive, never those of a directory.
  virtual Result<Stored> find(const std::string& name) const = 0;

  // The whole content of a document, which is at most 16 MiB.
  Result<std::string> read_document(const std::string& name) const;
};

// A tar in a file that can be read at any offset, indexed in one pass over its
// headers. `fd` is read from `start` on.
Result<std::unique_ptr<Bundle>> index_tar(std::shared_ptr<const Fd> fd, std::uint64_t start);

Result<std::unique_ptr<Bundle>> open_directory(const boost::filesystem::path& path);

} // namespace dind::images
