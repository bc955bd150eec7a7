#include <support/expect.hpp>
#include <images/source_spec.hpp>

#include <gtest/gtest.h>

namespace dind::images {
namespace {

using test::fails_saying;
using test::ok;
using SourceKind = SourceSpec::Kind;

struct SourceForm {
  const char* text;
  SourceSpec meaning;
};

const SourceForm kForms[] = {
    {"docker-archive:a.tar", {SourceKind::docker_archive, "a.tar", ""}},
    {"docker-archive:/x/a.tar:alpine:3.20",
     {SourceKind::docker_archive, "/x/a.tar", "alpine:3.20"}},
    {"docker-archive:a.tar:localhost:5000/a/b:1",
     {SourceKind::docker_archive, "a.tar", "localhost:5000/a/b:1"}},
    {"docker-archive:a.tar:alpine@sha256:00",
     {SourceKind::docker_archive, "a.tar", "alpine@sha256:00"}},
    {"docker-archive:-", {SourceKind::docker_archive, "-", ""}},
    {"docker-archive:-:a:1", {SourceKind::docker_archive, "-", "a:1"}},
    {"oci:dir", {SourceKind::oci_layout, "dir", ""}},
    {"oci:dir:3.20", {SourceKind::oci_layout, "dir", "3.20"}},
    {"oci-archive:a.tar:b", {SourceKind::oci_archive, "a.tar", "b"}},
    {"oci-archive:-", {SourceKind::oci_archive, "-", ""}},
    {"-", {SourceKind::docker_archive, "-", ""}},
    {"docker-daemon:localhost:5000/a/b:1", {SourceKind::docker_daemon, "", "localhost:5000/a/b:1"}},
    {"a.tar", {SourceKind::any, "a.tar", ""}},
    {"./oci:odd", {SourceKind::any, "./oci:odd", ""}},
};

TEST(SourceSpecTest, ReadsEachForm) {
  for (const SourceForm& form : kForms) {
    const auto spec = parse_source_spec(form.text);
    ASSERT_TRUE(ok(spec)) << form.text;
    EXPECT_EQ(*spec, form.meaning) << form.text;
  }
}

struct BadForm {
  const char* text;
  const char* complaint;
};

const BadForm kBadForms[] = {
    {"", "docker-archive:FILE[:REF]"},
    {"oci:", "no path"},
    {"docker-archive::a:1", "no path"},
    {"oci:dir:", "no reference"},
    {"oci:-", "directory"},
    {"docker-daemon:", "no image behind"},
    {"docker://alpine", "cannot be read"},
};

TEST(SourceSpecTest, RefusesWhatIsNoneAndSaysTheForms) {
  for (const BadForm& form : kBadForms) {
    EXPECT_TRUE(fails_saying(form.complaint, parse_source_spec(form.text))) << form.text;
  }
}

TEST(SourceSpecTest, ReadsAListALine) {
  const auto specs =
      parse_source_list("# all\n\n  a.tar # the first\r\noci:dir:1\n\t\ndocker-daemon:a:1");
  ASSERT_TRUE(ok(specs));
  EXPECT_EQ(*specs, (std::vector<SourceSpec>{{SourceKind::any, "a.tar", ""},
                                             {SourceKind::oci_layout, "dir", "1"},
                                             {SourceKind::docker_daemon, "", "a:1"}}));
  EXPECT_TRUE(fails_saying("line 2: oci:: no path", parse_source_list("a.tar\noci:\n")));
}

TEST(SourceSpecTest, TakesAListAsEditorsWriteIt) {
  const auto specs = parse_source_list("\xEF\xBB\xBF"
                                       "a#1.tar#x\t# comment\r\n#a\n b.tar #");
  ASSERT_TRUE(ok(specs));
  EXPECT_EQ(*specs, (std::vector<SourceSpec>{{SourceKind::any, "a#1.tar#x", ""},
                                             {SourceKind::any, "b.tar", ""}}));
  using namespace std::string_view_literals;
  EXPECT_TRUE(fails_saying("line 2: a NUL byte", parse_source_list("a.tar\nb\0.tar\n"sv)));
}

} // namespace
} // namespace dind::images
