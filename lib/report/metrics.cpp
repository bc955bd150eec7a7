#include <report/metrics.hpp>

#include <fmt/format.h>

#include <iterator>

namespace dind::report {
namespace {

constexpr double kMillisecond = 1e-3;

class Text {
public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  }
  template <typename Number>
  void sample(Number value, std::string_view label = "", std::string_view of = "") {
    if (label.empty()) {
      fmt::format_to(std::back_inserter(text_), "{} {}\n", name_, value);
    } else { // names of ours, in which nothing has to be escaped
      fmt::format_to(std::back_inserter(text_), "{}{{{}=\"{}\"}} {}\n", name_, label, of, value);
    }
  }
  std::string take() && { return std::move(text_); }

private:
  std::string_view name_;
  std::string text_;
};

} // namespace

std::string print_metrics(const Status& status) {
  Text text;
  text.family("dind_build_info", "gauge", "1, with the version of dind-init as its label.");
  text.sample(1, "version", status.dind_init);
  text.family("dind_ready", "gauge", "1 while the engine serves and nothing ends it, else 0.");
  text.sample(status.state == State::ready ? 1 : 0);
  text.family("dind_state", "gauge", "1 for the state that dind-init is in, 0 for the others.");
  for (const State state : kStates) {
    text.sample(state == status.state ? 1 : 0, "state", name_of(state));
  }
  text.family("dind_restarts_total", "counter", "Times that dockerd was started again.");
  text.sample(status.restarts);
  text.family("dind_phase_start_seconds", "gauge",
              "When a phase of the boot began, since dind-init did.");
  for (const Phase& phase : status.phases) {
    text.sample(phase.start_ms * kMillisecond, "phase", phase.name);
  }
  text.family("dind_phase_duration_seconds", "gauge", "How long a phase of the boot took.");
  for (const Phase& phase : status.phases) {
    text.sample(phase.duration_ms * kMillisecond, "phase", phase.name);
  }
  text.family("dind_images", "gauge", "Images of the cache that were there after seeding.");
  text.sample(status.images);
  text.family("dind_images_missing", "gauge",
              "Images of the cache that were not there after seeding.");
  text.sample(status.images_missing.size());
  text.family("dind_layers", "gauge", "Layers of the cache, by the method that seeded them.");
  for (const auto& [method, count] : status.layers_by_method) {
    text.sample(count, "method", method);
  }
  text.family("dind_layer_bytes", "gauge", "Bytes of their files, by the method that seeded them.");
  for (const auto& [method, bytes] : status.bytes_by_method) {
    text.sample(bytes, "method", method);
  }
  text.family("dind_bytes_written", "gauge", "Bytes that seeding wrote.");
  text.sample(status.bytes_written);
  text.family("dind_warnings", "gauge", "Warnings that dindctl status shows.");
  text.sample(status.warnings.size());
  if (status.registry) {
    text.family("dind_registry_hits_total", "counter", "Requests for manifests that a cache has.");
    text.sample(status.registry->hits);
    text.family("dind_registry_misses_total", "counter",
                "Requests for manifests that no cache has.");
    text.sample(status.registry->misses);
  }
  return std::move(text).take();
}

} // namespace dind::report
