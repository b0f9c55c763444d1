#include <exception>
#include <iostream>

#include "client/cli.h"

int main(int argc, char** argv) {
  try {
    return reluscape::RunClient(argc, argv, std::cout, std::cerr);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
