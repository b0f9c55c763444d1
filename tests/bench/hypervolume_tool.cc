// Reads a reference point and then points, one a line, from standard input; prints their
// hypervolume and the milliseconds that it took. For hypervolume_peers.py.

#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>

#include "search/pareto/hypervolume.h"

int main() {
  std::vector<reluscape::Objectives> points;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream numbers(line);
    reluscape::Objectives point;
    for (double value = 0; numbers >> value;) point.push_back(value);
    if (!numbers.eof()) {
      std::cerr << "error: not a line of numbers: " << line << '\n';
      return 1;
    }
    points.push_back(point);
  }
  if (points.empty()) {
    std::cerr << "error: no reference point\n";
    return 1;
  }
  const reluscape::Objectives reference = points.front();
  points.erase(points.begin());
  const auto start = std::chrono::steady_clock::now();
  const double hypervolume = reluscape::Hypervolume(points, reference);
  const std::chrono::duration<double, std::milli> elapsed =
      std::chrono::steady_clock::now() - start;
  std::printf("%.17g %.3f\n", hypervolume, elapsed.count());
  return 0;
}
