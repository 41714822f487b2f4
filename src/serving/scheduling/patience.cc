#include "serving/scheduling/patience.h"

namespace mlnode::serving {

// Lanes fill up like vessels: the first k, all free by `level`, share the work unless the next comes free before.
double MicrosUntilDone(double micros, std::size_t lanes, std::vector<double> busy) {
  if (busy.size() < lanes) busy.resize(lanes, 0.0);
  std::sort(busy.begin(), busy.end());
  double sum = 0;
  for (std::size_t k = 1; k <= busy.size(); ++k) {
    sum += busy[k - 1];
    const double level = (micros + sum) / static_cast<double>(k);
    if (k == busy.size() || level <= busy[k]) return level;
  }
  return micros;
}

}  // namespace mlnode::serving
