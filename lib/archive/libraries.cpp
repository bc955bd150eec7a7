#include <archive/libraries.hpp>

#include <fmt/format.h>

#include <openssl/sha.h>
#include <zlib.h>
#include <zstd.h>
#include <bzlib.h>
#include <lzma.h>

namespace dind::archive {

std::string libraries() {
  const std::string bzip2 = ::BZ2_bzlibVersion(); // "1.0.8, 13-Jul-2019"
  return fmt::format("OpenSSL {}, bzip2 {}, liblzma {}, zlib {}, zstd {}", OPENSSL_VERSION_STR,
                     bzip2.substr(0, bzip2.find(',')), ::lzma_version_string(), ::zlibVersion(),
                     ::ZSTD_versionString());
}

} // namespace dind::archive
