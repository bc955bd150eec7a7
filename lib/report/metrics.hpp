#pragma once

#include <report/status.hpp>

#include <string>

namespace dind::report {

// The report as Prometheus' text format has it.
std::string print_metrics(const Status& status);

} // namespace dind::report
