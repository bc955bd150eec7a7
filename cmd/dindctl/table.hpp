#pragma once

#include <string>
#include <vector>

namespace dind::ctl {

using Row = std::vector<std::string>;

// Prints columns as wide as their widest cell, two spaces apart. All rows have as
// many cells as the first.
void print_table(const std::vector<Row>& rows);

} // namespace dind::ctl
