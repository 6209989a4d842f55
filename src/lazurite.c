#include <stdio.h>

int main(void)
{
    puts("lazurite");
    return 0;
}
