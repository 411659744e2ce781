#pragma once

namespace millpool::thumbs {

/// `millpool thumbs`. \return the exit status.
int main(int argc, char** argv);

}  // namespace millpool::thumbs
