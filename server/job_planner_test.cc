#include "server/job_planner.h"
