#include "base/flags.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"

namespace reluscape {
namespace {

int Parse(CLI::App& app, std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return ParseFlags(app, static_cast<int>(argv.size()), argv.data());
}

TEST(FlagsTest, AFlagWinsOverTheFileAndAnUnknownKeyIsAnError) {
  const std::string path = (std::filesystem::path(testing::TempDir()) / "flags.toml").string();
  ASSERT_TRUE(WriteFileAtomically(path, "port = 7\nname = \"a\"\n").ok());
  int port = 1;
  std::string name;
  CLI::App app;
  AddConfigOption(app);
  app.add_option("--port", port);
  app.add_option("--name", name);
  EXPECT_EQ(Parse(app, {"x", "--config", path, "--port", "9"}), -1);
  EXPECT_EQ(port, 9);
  EXPECT_EQ(name, "a");

  ASSERT_TRUE(WriteFileAtomically(path, "prot = 7\n").ok());
  EXPECT_EQ(Parse(app, {"x", "--config", path}), 2);
  EXPECT_EQ(Parse(app, {"x", "--port", "many"}), 2);
}

TEST(FlagsTest, NamedPathsAreSplitAtTheirFirstEqualsSign) {
  const auto paths = ParseNamedPaths("--data", {"a=/x=y", "b=z"});
  ASSERT_TRUE(paths.ok());
  EXPECT_EQ(paths->at("a"), "/x=y");
  EXPECT_EQ(paths->at("b"), "z");
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"a"}, {"=x"}, {"a="}, {"a=x", "a=y"}}) {
    const auto refused = ParseNamedPaths("--data", wrong);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(refused.status().message().substr(0, 14), "--data: found ");
  }
}

}  // namespace
}  // namespace reluscape
