// Dashboard: the drive as one page: .cratedrive/dashboard.html. It needs nothing but itself (no script, no font, no
// picture from elsewhere; a policy in its head forbids all that), so it opens from a file manager, and loads itself
// anew every few seconds. Light or dark as the system is; readable from a phone to a wide screen.
//
// Pure. Every text from outside is escaped, cleaned of what steers a terminal, and set apart from the direction of the
// text around it: a file name can show itself and nothing else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/cost.h"
#include "app/health_report.h"
#include "app/status_report.h"

namespace cd {

struct DashboardFacts {
  DriveStatus drive;
  std::vector<HealthItem> health;
  CostReport cost;
  std::vector<UploadView> uploads;  // the first few
};

[[nodiscard]] std::string render_dashboard(const DashboardFacts& facts);

// For text and for values of attributes in double quotes.
[[nodiscard]] std::string html_text(std::string_view text);
// "../Drums/kick%20%23.wav": from the page to a file of the library.
[[nodiscard]] std::string html_link(std::string_view library_path);

}  // namespace cd
