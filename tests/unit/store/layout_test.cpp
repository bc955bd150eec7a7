#include <store/layout.hpp>

#include <gtest/gtest.h>

#include <string>

namespace dind::store {
namespace {

const Digest kChain = Digest::from_hex(std::string(64, 'a')).value();
const Digest kOther = Digest::from_hex(std::string(64, 'b')).value();

TEST(LayoutTest, GivesTheSameNamesForTheSameChain) {
  EXPECT_EQ(cache_id_of(kChain), cache_id_of(kChain));
  EXPECT_NE(cache_id_of(kChain), cache_id_of(kOther));
  EXPECT_NE(link_id_of(kChain), skeleton_link_id_of(kChain));
}

TEST(LayoutTest, KeepsTheTargetOfALinkInsideAnInode) {
  EXPECT_LT(("../" + cache_id_of(kChain) + "/skeleton").size(), 60U); // ext4's fast symlinks
}

TEST(LayoutTest, NamesLinksAsTheDriverDoes) {
  const std::string id = link_id_of(kChain);
  EXPECT_EQ(id.size(), 26U);
  EXPECT_EQ(id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), std::string::npos);
}

TEST(LayoutTest, HandsAParentsLowersOnToItsChild) {
  EXPECT_EQ(lower_of_child("A", ""), "l/A");
  EXPECT_EQ(lower_of_child("B", "l/S:l/A"), "l/B:l/S:l/A");
}

} // namespace
} // namespace dind::store
