#pragma once

#include <boot/status.hpp>

#include <string>

namespace dind::boot {

// The report as Prometheus' text format has it.
std::string print_metrics(const Status& status);

} // namespace dind::boot
