#include "base/child_process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <fstream>
#include <thread>

namespace cd {
namespace {

ChildOptions shell(const std::string& script) {
  ChildOptions out;
  out.argv = {"sh", "-c", script};
  out.timeout = Millis{30'000};
  return out;
}

TEST(ChildProcessTest, WhatAProgramWritesIsGivenBack) {
  ChildOptions options = shell("echo \"$GREETING\"; echo noise >&2");
  options.environment["GREETING"] = "hello there";
  EXPECT_EQ(run_child(options).value(), "hello there\n");
}

TEST(ChildProcessTest, ArgumentsGoThroughNoShell) {
  ChildOptions options;
  options.argv = {"printf", "%s", "$(touch /tmp/x); *"};
  EXPECT_EQ(run_child(options).value(), "$(touch /tmp/x); *");
}

TEST(ChildProcessTest, AFailureIsToldInTheProgramsOwnWords) {
  const auto failed = run_child(shell("echo first >&2; echo no such model >&2; exit 3"));
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().message, "exit status 3: no such model");
  ChildOptions none;
  none.argv = {"/nowhere/no-such-program"};
  EXPECT_EQ(run_child(none).error().code, Code::not_found);
}

TEST(ChildProcessTest, WhatTakesTooLongIsKilledWithAllThatItStarted) {
  ChildOptions options = shell("sleep 1000 & echo $! > \"$0\"; wait");
  const std::string file = ::testing::TempDir() + "child_pid";
  options.argv.push_back(file);
  options.timeout = Millis{500};
  EXPECT_EQ(run_child(options).error().code, Code::timeout);
  std::ifstream in(file);
  pid_t grandchild = 0;
  in >> grandchild;
  ASSERT_GT(grandchild, 0);
  // It was sent the signal; it ends when it gets its turn on a processor. One that was not killed sleeps on: then this test
  // does not end.
  const auto alive = [&] {
    std::ifstream stat("/proc/" + std::to_string(grandchild) + "/stat");
    std::string line;
    std::getline(stat, line);
    return !line.empty() && line.find(") Z ") == std::string::npos && line.find(") X ") == std::string::npos;
  };
  while (alive()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST(ChildProcessTest, AStopEndsIt) {
  std::stop_source stop;
  stop.request_stop();
  ChildOptions options = shell("sleep 1000");
  options.stop = stop.get_token();
  EXPECT_EQ(run_child(options).error().code, Code::cancelled);
}

TEST(ChildProcessTest, TooMuchOutputIsAnError) {
  ChildOptions options = shell("yes");
  options.output_max = 10'000;
  EXPECT_EQ(run_child(options).error().code, Code::too_large);
}

TEST(ChildProcessTest, KeysOfStoresStayWithUs) {
  ::setenv("AWS_SECRET_ACCESS_KEY", "hush", 1);
  const auto seen = run_child(shell("env"));
  ::unsetenv("AWS_SECRET_ACCESS_KEY");
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->find("hush"), std::string::npos);
  EXPECT_NE(seen->find("PATH="), std::string::npos);
}

TEST(ChildProcessTest, WordsAreSplitAsInAShellAndNothingElseHappens) {
  const std::vector<std::string> words{"notify-send", "it's \"done\"", "", "$HOME", "a\\b"};
  EXPECT_EQ(split_words("  notify-send \"it's \\\"done\\\"\" '' $HOME a\\\\b ").value(), words);
  EXPECT_EQ(split_words(join_words(words)).value(), words);
  EXPECT_FALSE(split_words("echo 'open").has_value());
}

}  // namespace
}  // namespace cd
