#pragma once

#include <base/result.hpp>

#include <cstddef>
#include <string_view>

namespace dind::daemon {

// How many requests an engine serves, by a dump of its goroutines (GET
// /debug/pprof/goroutine?debug=1, which every engine answers): those in the handler of an HTTP
// server. Idle connections are in none, streams are until they end. Not counted are the
// dump's own, and listeners of events, who wait for others' work.
std::size_t count_requests(std::string_view goroutines);

// How many of the containers that GET /containers/json lists do not have the label.
Result<std::size_t> count_containers(std::string_view body, std::string_view ignored);

// Whether one of the events that GET /events gives, one JSON object after the other, is about
// anything but a container with the label.
Result<bool> has_events(std::string_view body, std::string_view ignored);

} // namespace dind::daemon
