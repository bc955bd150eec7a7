#include <outer/image_target.hpp>

#include <support/expect.hpp>

#include <gtest/gtest.h>

namespace dind::outer {
namespace {

using test::fails_saying;
using test::ok;
using TargetKind = ImageTarget::Kind;

struct TargetForm {
  const char* text;
  TargetKind kind;
  const char* path;
  const char* reference;
};

TEST(ImageTargetTest, ReadsEveryForm) {
  const TargetForm forms[] = {{"oci:out", TargetKind::oci_layout, "out", ""},
                              {"oci:/a/b:ci:1", TargetKind::oci_layout, "/a/b", "ci:1"},
                              {"oci-archive:f.tar:1", TargetKind::oci_archive, "f.tar", "1"},
                              {"docker-archive:f.tar", TargetKind::docker_archive, "f.tar", ""},
                              {"docker-archive:-", TargetKind::docker_archive, "-", ""},
                              {"docker-daemon:", TargetKind::docker_daemon, "", ""}};
  for (const TargetForm& form : forms) {
    const auto target = parse_image_target(form.text);
    ASSERT_TRUE(ok(target)) << form.text;
    EXPECT_EQ(target->kind, form.kind) << form.text;
    EXPECT_EQ(target->path, form.path) << form.text;
    EXPECT_EQ(target->reference, form.reference) << form.text;
  }
}

TEST(ImageTargetTest, RefusesWhatIsNone) {
  EXPECT_TRUE(fails_saying("is no target", parse_image_target("out.tar")));
  EXPECT_TRUE(fails_saying("is no target", parse_image_target("docker:registry/x")));
  EXPECT_TRUE(fails_saying("no path", parse_image_target("oci:")));
  EXPECT_TRUE(fails_saying("no path", parse_image_target("oci::x")));
  EXPECT_TRUE(fails_saying("--tag", parse_image_target("docker-archive:f.tar:x")));
  EXPECT_TRUE(fails_saying("--tag", parse_image_target("docker-daemon:x:1")));
}

TEST(ImageTargetTest, TakesTheReferencesOfTheImageSpec) {
  for (const char* const good : {"1", "ci-dind:1", "registry.test:5000/A/b--c@sha256:00", "a+b"}) {
    EXPECT_TRUE(ok(parse_image_target(std::string("oci:dir:") + good))) << good;
  }
  for (const char* const bad : {"a b", "-a", "a-", "a..b", "a---b", "a/", "a:", "ä", "a\n"}) {
    EXPECT_TRUE(fails_saying("is no reference", parse_image_target(std::string("oci:dir:") + bad)))
        << bad;
  }
}

} // namespace
} // namespace dind::outer
