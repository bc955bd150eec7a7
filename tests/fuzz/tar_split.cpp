#include <support/layer.hpp>
#include <support/temp_dir.hpp>

// Whatever the JSON says, only files beneath the directory are read.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const dind::test::TempDir dir;
  static const auto file = dir.write("a/b", "123456789");
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  std::ignore = dind::test::make_again(json, dir.fd());
  return 0;
}
