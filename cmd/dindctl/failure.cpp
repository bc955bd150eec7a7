#include "failure.hpp"
#include "verbs.hpp"

#include <base/utf8.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace dind::ctl {
namespace {

void print_line(std::string_view verb, std::string_view what) {
  // One write: a line stays whole when several programs share the stream.
  const std::string line =
      fmt::format("dindctl{}{}: {}\n", verb.empty() ? "" : " ", verb, printable(what));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

} // namespace

int fail(std::string_view verb, const Error& error) {
  print_line(verb, error.describe());
  return error.code() == 0 ? kBadInput : kIoError;
}

int fail_usage(std::string_view verb, const Error& error) {
  print_line(verb, error.describe());
  return kUsage;
}

int fail_arguments(std::string_view verb, const Error& error) {
  return error.code() == 0 ? fail_usage(verb, error) : fail(verb, error);
}

int fail_images(std::string_view verb, const std::vector<Error>& refused, std::size_t made) {
  int first = kDone;
  for (const Error& error : refused) {
    const int code = fail(verb, error);
    first = first == kDone ? code : first;
  }
  return first != kDone && made > 0 ? kDoesNotHold : first;
}

bool is_done(int exit_code) {
  return exit_code == kDone || exit_code == kDoesNotHold;
}

Error told_where(Error error, std::string_view place) {
  const bool is_full = error.is(std::errc::no_space_on_device) || error.code() == EDQUOT;
  const bool says_so = error.describe().find(place) != std::string::npos;
  return is_full && !says_so ? std::move(error).within(place) : error;
}

void warn(std::string_view verb, std::string_view warning) {
  print_line(verb, fmt::format("warning: {}", warning));
}

void note(std::string_view verb, std::string_view what) {
  print_line(verb, what);
}

} // namespace dind::ctl
