# What find_package(Torch) of a LibTorch with CUDA needs to be told, so that CMAKE_PREFIX_PATH (and
# CUDACXX, where nvcc is not in the PATH) is all that a user sets. Does nothing without nvcc.

find_program(RELUSCAPE_NVCC NAMES "$ENV{CUDACXX}" nvcc PATHS /usr/local/cuda/bin)
if(NOT RELUSCAPE_NVCC)
  return()
endif()

# An nvcc in the PATH may be a script that calls another one, beside which no toolkit lies. The real
# one says where it is; LibTorch looks for headers and the runtime there.
if(NOT CUDA_TOOLKIT_ROOT_DIR)
  execute_process(COMMAND ${RELUSCAPE_NVCC} --dryrun -x cu -c ${CMAKE_CURRENT_LIST_FILE}
                  OUTPUT_VARIABLE dryrun ERROR_VARIABLE dryrun)
  if(NOT dryrun MATCHES "#\\$ TOP=([^\r\n]+)")
    # Not fatal: the LibTorch may be one without CUDA.
    message(WARNING "${RELUSCAPE_NVCC} does not say where its CUDA Toolkit is: a LibTorch with CUDA "
                    "needs CUDACXX to name the nvcc in the toolkit's bin.")
    return()
  endif()
  get_filename_component(toolkit ${CMAKE_MATCH_1} REALPATH)
  set(CUDA_TOOLKIT_ROOT_DIR ${toolkit} CACHE PATH "The CUDA Toolkit, found by asking nvcc")
endif()
if(NOT CMAKE_CUDA_COMPILER)
  set(CMAKE_CUDA_COMPILER ${CUDA_TOOLKIT_ROOT_DIR}/bin/nvcc CACHE FILEPATH "" FORCE)
endif()

# LibTorch's own CUDA runtime, in programs too, and not a second one linked into them.
set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)

# Without a list LibTorch asks the GPUs of the machine that builds, which may have none. Binary code
# for each generation that CUDA 13 and the newest LibTorch take, and PTX for what comes later.
if(NOT DEFINED ENV{TORCH_CUDA_ARCH_LIST})
  set(ENV{TORCH_CUDA_ARCH_LIST} "7.5;8.0;9.0+PTX")
endif()

# LibTorch puts this library, for compiling kernels at run time, on the link line and stops where
# the toolkit has none; nothing here calls it, and LibTorch loads its own.
find_library(CUDA_nvrtc_LIBRARY nvrtc PATHS ${CUDA_TOOLKIT_ROOT_DIR} PATH_SUFFIXES lib64
             targets/x86_64-linux/lib)
if(NOT CUDA_nvrtc_LIBRARY)
  set(CUDA_nvrtc_LIBRARY ${CUDA_TOOLKIT_ROOT_DIR}/lib64/libcudart.so CACHE FILEPATH "" FORCE)
endif()
