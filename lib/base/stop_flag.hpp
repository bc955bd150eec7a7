#pragma once

#include <base/error.hpp>

#include <atomic>

namespace dind {

// Set from outside, by a signal handler say, to end long work early.
using StopFlag = std::atomic<bool>;

// The error of work that was told to stop; its code is ECANCELED.
Error stopped();

} // namespace dind
