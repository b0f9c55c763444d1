#include "server/coordinator.h"
