#include "usage_error.hpp"

#include "failure.hpp"
#include "manual.hpp"
#include "verbs.hpp"

#include <base/spelling.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace dind::ctl {
namespace {

// How far a word may be from one of ours to count as that one misspelt.
constexpr std::size_t kNearVerb = 2;
constexpr std::size_t kNearOption = 3;

int say(const std::string& verb, const std::string& what, std::string_view nearest = "") {
  const std::string meant = nearest.empty() ? "; see" : fmt::format(": is {} meant? See", nearest);
  const std::string_view space = verb.empty() ? "" : " ";
  return fail_usage(verb, Error(fmt::format("{}{} dindctl{}{} --help", what, meant, space, verb)));
}

std::string name_of(const CLI::Option& option) {
  return option.get_positional() ? option.get_type_name() : option.get_name();
}

const CLI::Option* find_missing(const CLI::App& verb) {
  const auto options = verb.get_options(
      [](const CLI::Option* option) { return option->get_required() && option->count() == 0; });
  return options.empty() ? nullptr : options.front();
}

// "--tag", of what CLI11 says of it: "--tag: 1 required REF missing".
const CLI::Option* find_blamed(const CLI::App& verb, const std::string& text) {
  return verb.get_option_no_throw(text.substr(0, text.find(':')));
}

std::string in_our_words(const CLI::App& verb, const CLI::ParseError& failure) {
  const std::string text = failure.what();
  if (failure.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError)) {
    if (const CLI::Option* missing = find_missing(verb)) {
      return name_of(*missing) + " is missing";
    }
  }
  if (failure.get_exit_code() == static_cast<int>(CLI::ExitCodes::ArgumentMismatch)) {
    if (const CLI::Option* blamed = find_blamed(verb, text)) {
      return blamed->count() > 1
                 ? fmt::format("{} may be given once", blamed->get_name())
                 : fmt::format("{} needs a value: {}", blamed->get_name(), blamed->get_type_name());
    }
  }
  return text;
}

// What `verb` has no option for: it comes first, since it may be what others are missing for.
std::optional<std::string> find_unknown_option(const CLI::App& verb) {
  const std::vector<std::string> words = verb.remaining();
  const auto found = std::find_if(words.begin(), words.end(), [](const std::string& word) {
    return word.size() > 1 && word.starts_with('-');
  });
  return found == words.end() ? std::nullopt : std::optional(found->substr(0, found->find('=')));
}

std::string nearest_option(const CLI::App& verb, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  const std::vector<std::string_view> words(names.begin(), names.end());
  const std::size_t most = std::min(kNearOption, word.size() / 3);
  return std::string(word.starts_with("--") ? nearest_word(word, words, most) : "");
}

} // namespace

int fail_verb(const CLI::App& program, const std::string& word) {
  std::vector<std::string> names;
  for (const VerbManual& verb : verbs_of(program)) {
    names.push_back(verb.name);
  }
  const std::vector<std::string_view> words(names.begin(), names.end());
  return say("", "there is no verb " + word, nearest_word(word, words, kNearVerb));
}

int fail_parsing(const CLI::App& program, const CLI::ParseError& failure) {
  const auto parsed = program.get_subcommands();
  const CLI::App& verb = parsed.empty() ? program : *parsed.front();
  const std::string name = parsed.empty() ? "" : verb.get_name();
  if (const auto option = find_unknown_option(program)) {
    return say("", fmt::format("{} before the verb is no option of dindctl", *option),
               nearest_option(program, *option));
  }
  if (const auto option = find_unknown_option(verb)) {
    return say(name, "there is no option " + *option, nearest_option(verb, *option));
  }
  if (const auto words = verb.remaining(); !words.empty()) {
    return say(name, fmt::format("{} is one operand too many", words.front()));
  }
  return say(name, in_our_words(verb, failure));
}

} // namespace dind::ctl
