#include <bolt/layout.hpp>

#include <bolt/little_endian.hpp>

namespace dind::bolt {

PageHeader decode_page_header(std::string_view page) {
  return {.id = load<std::uint64_t>(page, 0),
          .flags = load<std::uint16_t>(page, 8),
          .count = load<std::uint16_t>(page, 10),
          .overflow = load<std::uint32_t>(page, 12)};
}

void append_page_header(std::string& to, const PageHeader& header) {
  append(to, header.id);
  append(to, header.flags);
  append(to, header.count);
  append(to, header.overflow);
}

} // namespace dind::bolt
