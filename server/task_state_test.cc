#include "server/task_state.h"
